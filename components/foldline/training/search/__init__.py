"""The search for hyperparameters, as far as both engines share it: definition, trials, result."""
