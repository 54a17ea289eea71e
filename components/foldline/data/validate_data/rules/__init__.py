"""Rules that a person gives for a table."""
