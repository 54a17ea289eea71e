"""Predictions, their inputs and the server that gives them, watched over time."""
