"""Whether a model's output is a prediction. Pure."""

import numpy as np
from numpy.typing import NDArray

from foldline.artifacts import Task
from foldline.errors import ServingError

# A probability computed in float32 may pass 0 or 1 by rounding.
ROUNDING = 1e-5


class NotFiniteError(ServingError):
    """A prediction is NaN or infinite."""


class OutOfRangeError(ServingError):
    """A probability is below 0 or above 1."""


def check(predictions: NDArray[np.float32], task: Task) -> None:
    """Refuse what is no prediction.

    Args:
        predictions: shape (n_rows, task.outputs).

    Raises:
        NotFiniteError, OutOfRangeError: the message names the first such row.
    """
    _check_rows(NotFiniteError, np.isfinite(predictions), "finite numbers", "NaN or infinity")
    if task.is_classification:
        inside = (predictions >= -ROUNDING) & (predictions <= 1 + ROUNDING)
        _check_rows(OutOfRangeError, inside, "probabilities from 0 to 1", "other numbers")


def _check_rows(kind: type[ServingError], right: NDArray[np.bool_], expected: str, got: str) -> None:
    if right.all():
        return
    wrong = np.logical_not(right.all(axis=1))
    raise kind(
        f"prediction of row {int(wrong.argmax())}",
        expected=expected,
        got=f"{got} in {int(wrong.sum())} of {len(wrong)} rows",
    )
