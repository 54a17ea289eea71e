"""Trains the model that is served on all training rows and exports it with its transform."""
