"""The Keras backend of this process, which is fixed when Keras is first imported."""

import os
import sys


def use_backend(name: str) -> None:
    """Make Keras run on `name` (`jax` or `tensorflow`) in this process.

    Raises:
        RuntimeError: Keras already runs on another backend.
    """
    os.environ["KERAS_BACKEND"] = name
    # TensorFlow says on standard error which instructions it uses; that is no news in a task's log.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    found = sys.modules["keras"].backend.backend() if "keras" in sys.modules else name
    if found != name:
        raise RuntimeError(f"Keras already runs on {found} in this process, not {name}")
