"""Statistics of predictions, a period and an output each, from a bounded sample of rows."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foldline.operations.monitor_predictions.natural import Floats

# Rows of a period that are kept; of more, a random sample.
MOST_ROWS = 10_000


@dataclass
class Sample:
    """A random sample of rows as they come (Vitter, "Random sampling with a reservoir", ACM TOMS 11, 1985), and of all
    of them the figures that need none.

    Attributes:
        rows: that came.
        kept: shape (at most MOST_ROWS, width).
    """

    width: int
    seed: int
    rows: int = 0
    kept: Floats = field(init=False)

    def __post_init__(self) -> None:
        self.kept = np.empty((0, self.width))
        self._random = np.random.default_rng(self.seed)
        self._low, self._high = np.full(self.width, np.inf), np.full(self.width, -np.inf)
        self._mean, self._squares = np.zeros(self.width), np.zeros(self.width)

    def add(self, values: Floats) -> None:
        """Take rows; shape (n_rows, width), finite."""
        if not len(values):
            return
        self._low, self._high = np.minimum(self._low, values.min(axis=0)), np.maximum(self._high, values.max(axis=0))
        total, mean = self.rows + len(values), values.mean(axis=0)
        off = mean - self._mean
        # Chan, Golub and LeVeque, "Algorithms for computing the sample variance", 1983.
        self._squares += ((values - mean) ** 2).sum(axis=0) + off**2 * self.rows * len(values) / total
        self._mean += off * len(values) / total
        room = MOST_ROWS - len(self.kept)
        self.kept = np.concatenate([self.kept, values[:room]])
        later = values[max(room, 0) :]
        # The number of the row among all decides whether it takes the place of another.
        places = self._random.integers(0, np.arange(total - len(later), total) + 1)
        chosen = places < MOST_ROWS
        self.kept[places[chosen]] = later[chosen]
        self.rows = total

    def summary(self) -> list[dict[str, float]]:
        """`min`, `median` (of the sample), `max`, `mean` and `deviation` of each column; nothing where no row came."""
        if not self.rows:
            return []
        deviation = np.sqrt(self._squares / max(self.rows - 1, 1))
        columns = zip(self._low, np.median(self.kept, axis=0), self._high, self._mean, deviation, strict=True)
        names = ("min", "median", "max", "mean", "deviation")
        return [dict(zip(names, map(float, column), strict=True)) for column in columns]


def of_periods(values: NDArray[Any], period: NDArray[np.int64], periods: int) -> list[Sample]:
    """A sample of each period.

    Args:
        values: shape (n_rows, width); rows that are not finite are left out.
        period: of each row, -1 of rows that are left out.
    """
    finite = np.isfinite(values).all(axis=1)
    made = []
    for one in range(periods):
        sample = Sample(values.shape[1], one)
        sample.add(np.asarray(values[finite & (period == one)], dtype=np.float64))
        made.append(sample)
    return made
