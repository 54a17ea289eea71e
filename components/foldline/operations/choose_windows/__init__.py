"""Chooses the time since a model's training that is to be watched, in whole windows."""
