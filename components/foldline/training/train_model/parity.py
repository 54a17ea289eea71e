"""Parity: the exported model gives, for raw rows, the predictions that the model gave in training."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foldline.artifacts.signature import MISSING_INTEGER, MISSING_STRING
from foldline.errors import ParityError

MOST_ROWS = 2000
TOLERANCE = 1e-5


def parity_rows(tensors: Mapping[str, NDArray[Any]]) -> NDArray[np.bool_]:
    """Which rows are checked: at most 2000, evenly spaced, up to half of them with missing values; shape (n_rows,)."""
    missing = np.zeros(len(next(iter(tensors.values()))), dtype=bool)
    for values in tensors.values():
        if values.dtype == np.float32:
            missing |= np.isnan(values)
        else:
            missing |= values == (MISSING_INTEGER if values.dtype == np.int64 else MISSING_STRING)
    chosen = np.zeros(len(missing), dtype=bool)
    with_missing = np.flatnonzero(missing)
    chosen[_spaced(with_missing, MOST_ROWS // 2)] = True
    chosen[_spaced(np.flatnonzero(~chosen), MOST_ROWS - int(chosen.sum()))] = True
    return chosen


def check_parity(
    trained: NDArray[np.float32], exported: NDArray[np.float32], scale: float, row_id: NDArray[np.int64]
) -> dict[str, float]:
    """The figures of the parity check.

    Args:
        trained, exported: shape (n_rows, outputs), in the label's units.
        scale: what a difference is measured in: 1 for probabilities, the label's standard deviation for regression.
        row_id: shape (n_rows,), for the message.

    Returns:
        `rows`, `largest_difference` (in units of `scale`) and `tolerance`.

    Raises:
        ParityError: a prediction differs by more than the tolerance, or is not finite.
    """
    difference = np.abs(exported.astype(np.float64) - trained.astype(np.float64)) / scale
    largest = float(difference.max())
    if not largest <= TOLERANCE:
        row, output = np.unravel_index(np.argmax(np.nan_to_num(difference, nan=np.inf)), difference.shape)
        raise ParityError(
            f"predictions of the exported model for {len(row_id)} raw rows",
            expected=f"those of the trained model within {TOLERANCE:g}",
            got=f"a largest difference of {largest:.3g}, at row_id {row_id[row]}: "
            f"trained {trained[row, output]:.6g}, exported {exported[row, output]:.6g}",
            fix="Model code must do the same under JAX and TensorFlow, and the transform must be the one of training.",
        )
    return {"rows": len(row_id), "largest_difference": largest, "tolerance": TOLERANCE}


def _spaced(positions: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    if len(positions) <= most:
        return positions
    return positions[np.linspace(0, len(positions) - 1, most).astype(np.int64)]
