"""Drift between a reference and later windows, held against the reference's own natural variation."""
