"""Rows as a model gets them, held against what the reference knows of each column. Pure."""
