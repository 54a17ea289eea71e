"""Searches for hyperparameters in one task, all live trials of a fold at once."""
