"""Compares families of models on the same folds; a diagnosis that exports no model."""
