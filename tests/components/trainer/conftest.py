"""The tests of this image share processes, and Keras has one backend a process: the one of training."""

import os

os.environ["KERAS_BACKEND"] = "jax"
