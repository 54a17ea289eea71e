"""How often rows of a period are alike: the same row sent again and again, or with small changes."""

from collections.abc import Mapping

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from foldline.operations.monitor_predictions.inputs.expected import Expected, as_numbers, is_category

# Of a period; beyond it the rarest are forgotten, so that rows which are sent often stay.
MOST_KINDS = 100_000


def kinds_of(columns: Mapping[str, pa.Array], expected: Mapping[str, Expected]) -> NDArray[np.uint64]:
    """A number for each row, the same for rows that are near-identical; shape (n_rows,).

    Numbers within one cell of a grid count as equal (`Expected.cell`), text and booleans where they are.
    """
    coarse = {}
    for name, values in columns.items():
        one = expected[name]
        if is_category(one.dtype):
            coarse[name] = pl.Series(name, values.to_pylist())
        else:
            numbers = as_numbers(pa.chunked_array([values]))
            coarse[name] = pl.Series(name, np.floor(numbers / one.cell) if one.cell > 0.0 else numbers)
    return pl.DataFrame(coarse).hash_rows().to_numpy()


class Alike:
    """The rows of one period by kind."""

    def __init__(self) -> None:
        self.rows = 0
        self._kinds = np.empty(0, np.uint64)
        self._counts = np.empty(0, np.int64)

    def add(self, kinds: NDArray[np.uint64]) -> None:
        """Take rows; shape (n_rows,)."""
        self.rows += len(kinds)
        new, counts = np.unique(kinds, return_counts=True)
        merged, place = np.unique(np.concatenate([self._kinds, new]), return_inverse=True)
        total = np.bincount(place, np.concatenate([self._counts, counts])).astype(np.int64)
        if len(merged) > MOST_KINDS:
            kept = np.sort(np.argpartition(total, -MOST_KINDS)[-MOST_KINDS:])
            merged, total = merged[kept], total[kept]
        self._kinds, self._counts = merged, total

    @property
    def chance(self) -> float:
        """That two rows drawn at random are alike, which does not depend on their number (Simpson, "Measurement of
        diversity", Nature 163, 1949); NaN of fewer than two rows."""
        if self.rows < 2:
            return float("nan")
        return float((self._counts * (self._counts - 1.0)).sum() / (self.rows * (self.rows - 1.0)))

    @property
    def most(self) -> int:
        """Rows of the commonest kind."""
        return int(self._counts.max(initial=0))
