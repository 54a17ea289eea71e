"""Folds: a hold-out and K folds for the rows of a dataset."""
