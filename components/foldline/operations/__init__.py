"""What keeps a model healthy once it serves."""
