"""Scores the test rows once, with the exported model itself."""
