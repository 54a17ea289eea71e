"""Trains a model for each fold, all folds in one program."""
