"""Training: models of all folds at once, and the model that is served."""
