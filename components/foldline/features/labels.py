"""Labels as statistics of columns take them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from foldline.artifacts import Task
from foldline.features.kinds import Categorical, Statement


@dataclass(frozen=True)
class Labels:
    """The labels of a table's rows, and the columns whose statistics need them.

    Attributes:
        columns: their names.
        values: shape (n_rows, outputs), float64: the value; 1 for the positive class, else 0; or a column for each of
            more classes.
    """

    columns: frozenset[str]
    values: NDArray[np.float64]

    @classmethod
    def of(cls, task: Task, label: pa.ChunkedArray, columns: frozenset[str]) -> Self:
        """The labels of rows. Raises DataError where one is missing or of no class of the task."""
        encoded = task.encode(label).astype(np.float64)
        if task.kind == "multiclass":
            return cls(columns, np.eye(task.outputs)[encoded.astype(np.int64)])
        return cls(columns, encoded[:, None])


def columns_with_labels(stated: Mapping[str, Statement]) -> frozenset[str]:
    """The columns whose statistics need the labels."""
    return frozenset(
        name
        for name, statement in stated.items()
        if statement["kind"] == Categorical.kind and statement.get("encoding") == "target_mean"
    )
