"""Trains the model of one fold in a task of its own."""
