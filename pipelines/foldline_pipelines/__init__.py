"""Pipelines made of Foldline components, and the command that compiles and runs them."""
