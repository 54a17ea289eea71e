"""The rows of reference and windows in one order: by period, and within a period by a hash of their identity.

The first rows of a period are then a random sample of it, the same for every column and for any order of the tables.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from foldline.artifacts.dataset import row_id_array
from foldline.artifacts.identity import unit_interval
from foldline.data.detect_drift.distances import Floats
from foldline.data.detect_drift.periods import OUTSIDE, Ints

_SALT = "foldline drift"


@dataclass(frozen=True)
class Column:
    """A column in the order of `Rows`.

    Attributes:
        numeric: whether `values` are numbers (float64, NaN where missing), else codes of categories (int64, -1 where
            missing).
        categories: what the codes mean; empty for numbers.
    """

    name: str
    numeric: bool
    values: NDArray[Any]
    categories: tuple[str, ...] = ()

    @property
    def missing(self) -> NDArray[np.bool_]:
        """Shape (n_rows,)."""
        return np.isnan(self.values) if self.numeric else self.values < 0


@dataclass(frozen=True)
class Rows:
    """The order of the rows.

    Attributes:
        order: index into reference rows followed by window rows; shape (n_rows,).
        starts: first row of each period, and at last the number of rows; shape (n_periods + 1,).
    """

    reference: pa.Table
    window: pa.Table
    order: Ints
    starts: Ints

    @classmethod
    def of(cls, reference: pa.Table, window: pa.Table, periods: Ints, count: int) -> "Rows":
        """Rows by period.

        Args:
            periods: of the reference's rows, then of the window's; `OUTSIDE` leaves a row out.
            count: number of periods.
        """
        identity = np.concatenate([row_id_array(reference), row_id_array(window)])
        order = np.lexsort((identity, unit_interval(identity, _SALT), periods))
        order = order[np.searchsorted(periods[order], OUTSIDE, side="right") :]
        return cls(reference, window, order, np.searchsorted(periods[order], np.arange(count + 1)))

    def sizes(self) -> Ints:
        """Number of rows of each period; shape (n_periods,)."""
        return np.diff(self.starts)

    def column(self, name: str) -> Column:
        """A column as the reference has it: all missing in windows that lack it, text read as numbers where it is."""
        kind = self.reference.schema.field(name).type
        numeric = pa.types.is_integer(kind) or pa.types.is_floating(kind)
        read: Callable[[pa.ChunkedArray], pa.ChunkedArray] = _numbers if numeric else _texts
        there = name in self.window.column_names
        later = read(self.window[name]) if there else pa.chunked_array([pa.nulls(len(self.window))])
        if numeric:
            parts = [_float_array(read(self.reference[name])), _float_array(later.cast(pa.float64()))]
            return Column(name, True, np.concatenate(parts)[self.order])
        whole = pa.chunked_array(
            [*read(self.reference[name]).chunks, *later.cast(pa.string()).chunks], type=pa.string()
        )
        encoded = whole.combine_chunks().dictionary_encode()
        codes = pc.fill_null(encoded.indices.cast(pa.int64()), -1).to_numpy(zero_copy_only=False)
        return Column(name, False, codes[self.order], tuple(encoded.dictionary.to_pylist()))


def _numbers(values: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_string(values.type):
        readable = pc.match_substring_regex(values, r"^\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*$")
        trimmed = pc.utf8_trim_whitespace(values)
        return pc.if_else(readable, trimmed, pa.scalar(None, pa.string())).cast(pa.float64())
    if pa.types.is_timestamp(values.type):
        return pa.chunked_array([pa.nulls(len(values), pa.float64())])
    return values.cast(pa.float64())


def _texts(values: pa.ChunkedArray) -> pa.ChunkedArray:
    return values.cast(pa.string())


def _float_array(values: pa.ChunkedArray) -> Floats:
    found: Floats = pc.fill_null(values, np.nan).to_numpy().astype(np.float64)
    return found
