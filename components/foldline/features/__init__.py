"""Features: a specification of each column, statistics that merge, and the TensorFlow graph made of the two."""
