"""Joins folds that were trained in tasks of their own."""
