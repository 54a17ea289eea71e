"""Scored tables: rows with a model's predictions beside their own columns."""

from collections.abc import Collection, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from foldline.artifacts.task import Task


def prediction_names(task: Task, taken: Collection[str]) -> list[str]:
    """Names for the prediction columns of a table that has the columns `taken` already: `Task.prediction_columns`, with
    `model_` before each as often as one of them is taken."""
    names = list(task.prediction_columns)
    while not set(names).isdisjoint(taken):
        names = [f"model_{name}" for name in names]
    return names


def with_predictions(table: pa.Table, names: Sequence[str], prediction: NDArray[np.float32]) -> pa.Table:
    """`table` and, last, a float64 column for each of `names`; null where the prediction is not finite.

    Args:
        prediction: shape (n_rows, len(names)).
    """
    for name, values in zip(names, prediction.T.astype(np.float64), strict=True):
        table = table.append_column(name, pa.array(values, mask=~np.isfinite(values)))
    return table
