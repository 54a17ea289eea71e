"""Scores new rows with the model that serves."""
