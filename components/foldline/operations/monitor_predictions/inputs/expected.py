"""What the reference knows of each input column, and what of a column's values does not fit that."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from foldline.artifacts import Dataset
from foldline.artifacts.dataset import DTYPES

# What is counted of each column, in this order.
TESTS = ("missing", "wrong type", "unseen", "out of range")
Mask = NDArray[np.bool_]
# A cell of near-identical numbers: this share of the range between the first and the last hundredth of the reference.
_CELL = 1e-3


@dataclass(frozen=True)
class Expected:
    """A column as the reference has it.

    Attributes:
        known: its values, of text and booleans; else None.
        low, high: its range, of numbers and times (microseconds since 1970); NaN where it has no value.
        cell: numbers that differ by less are near-identical; 0 of others.
    """

    name: str
    dtype: str
    known: pa.Array | None
    low: float = float("nan")
    high: float = float("nan")
    cell: float = 0.0

    @classmethod
    def of(cls, name: str, dtype: str, values: pa.ChunkedArray) -> "Expected":
        """What these values show."""
        if is_category(dtype):
            return cls(name, dtype, pc.unique(values.drop_null()))
        numbers = as_numbers(values)
        numbers = numbers[np.isfinite(numbers)]
        if not len(numbers):
            return cls(name, dtype, None)
        first, last = np.quantile(numbers, [0.01, 0.99])
        return cls(name, dtype, None, float(numbers.min()), float(numbers.max()), float(last - first) * _CELL)

    def misfits(self, values: pa.Array, wrong: Mask) -> NDArray[np.bool_]:
        """Which values fail which test; shape (4, n_rows).

        Args:
            values: of the column's type, null where missing or of a wrong type.
            wrong: which ones are of a wrong type; shape (n_rows,).
        """
        absent = np.asarray(pc.is_null(values, nan_is_null=True).to_numpy(zero_copy_only=False), dtype=bool)
        unseen = outside = np.zeros(len(values), dtype=bool)
        if self.known is not None:
            seen = pc.is_in(values, value_set=self.known).to_numpy(zero_copy_only=False)
            unseen = ~absent & ~np.asarray(seen, dtype=bool)
        elif np.isfinite(self.low):
            numbers = as_numbers(pa.chunked_array([values]))
            with np.errstate(invalid="ignore"):
                outside = ~absent & ((numbers < self.low) | (numbers > self.high))
        return np.stack([absent & ~wrong, wrong, unseen, outside])


def is_category(dtype: str) -> bool:
    """Whether values of the type are known or not, rather than within a range or not."""
    return dtype in ("string", "bool")


def as_numbers(values: pa.ChunkedArray) -> NDArray[np.float64]:
    """Numbers, and times as microseconds since 1970; NaN where there is none; shape (n_rows,)."""
    if pa.types.is_timestamp(values.type):
        values = values.cast(pa.int64())
    return np.asarray(values.cast(pa.float64()).to_numpy(), dtype=np.float64)


def input_columns(dataset: Dataset) -> list[str]:
    """Columns that may be a model's inputs: not the label, predictions, keys, or the time that orders the rows."""
    others = {dataset.label, dataset.time_window.get("column", ""), *dataset.key_columns}
    others |= {dataset.model.get("label", ""), *dataset.model.get("predictions", [])}
    return [column.name for column in dataset.columns if column.name not in others]


def expectations(table: pa.Table, columns: Sequence[str]) -> dict[str, Expected]:
    """What the rows of `table` show of each column."""
    names = {kind: name for name, kind in DTYPES.items()}
    return {name: Expected.of(name, names[table[name].type], table[name]) for name in columns}
