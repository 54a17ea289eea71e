"""The Keras backend of this process, which is fixed when Keras is first imported."""

import os
import sys
from pathlib import Path

JAX = "jax"
DETERMINISTIC = "--xla_gpu_deterministic_ops=true"


def use_backend(name: str, *, deterministic: bool = False) -> None:
    """Make Keras run on `name` (`jax` or `tensorflow`) in this process.

    Programs that JAX compiles are kept in the folder of JAX_COMPILATION_CACHE_DIR, or else of FOLDLINE_CACHE, or the
    user's cache.

    Args:
        deterministic: use only operations of a GPU that give the same bytes in each run; on a CPU all are.

    Raises:
        RuntimeError: Keras already runs on another backend.
    """
    os.environ["KERAS_BACKEND"] = name
    # TensorFlow says on standard error which instructions it uses; that is no news in a task's log.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    if name == JAX:
        _keep_programs()
        if deterministic:
            os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {DETERMINISTIC}".strip()
    found = sys.modules["keras"].backend.backend() if "keras" in sys.modules else name
    if found != name:
        raise RuntimeError(f"Keras already runs on {found} in this process, not {name}")


def _keep_programs() -> None:
    """Name a folder for compiled programs; where none can be made, nothing is kept."""
    try:
        cache = os.environ.get("FOLDLINE_CACHE") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "foldline"
        folder = Path(cache).expanduser() / "jax"
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError):
        return
    if os.access(folder, os.W_OK):
        os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(folder))
        os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.2")
