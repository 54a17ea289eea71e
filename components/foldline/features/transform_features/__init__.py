"""transform_features: a leak-free transform for each fold and one for all training rows, from one pass."""
