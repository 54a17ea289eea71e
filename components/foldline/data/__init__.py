"""Components that take a table from its source to folds."""
