"""Periods of the reference and windows after it, on one axis of time.

Periods are numbered from 0; the reference has the first `reference` of them, and a window at lag h, counted from the
reference's end, is period `reference` - 1 + h.
"""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

# A period at the ends of a table counts as whole from this share of its length on.
WHOLE = 0.8
MOST_SLICE, LEAST_SLICE = 13, 4
# So many pairs are needed, and so many are worth a shorter slice: see docs/decisions/0016.
LEAST_NULLS, WISHED_NULLS = 19, 24
OUTSIDE = -1


@dataclass(frozen=True)
class Axis:
    """Where periods and windows lie; times in microseconds since 1970.

    Attributes:
        end: of the reference.
        every: length of a period.
        reference: number of the reference's whole periods, counted backwards from its end.
        anchor: begin of the first window.
        first_lag: of the first window, at least 1.
        windows: number of whole windows.
    """

    end: int
    every: int
    reference: int
    anchor: int
    first_lag: int
    windows: int

    @classmethod
    def of(cls, reference: Ints, window: Ints, end: int, every: int) -> "Axis":
        """The axis of two tables' times.

        Windows begin at the first row that is not before the reference's end, so that days without hours and tables
        that were cut elsewhere keep whole windows; the lag is that of the nearest period.
        """
        later = window[window >= end]
        anchor = int(later.min()) if len(later) else end
        step = _step(reference, every)
        return cls(
            end=end,
            every=every,
            reference=_whole(end - int(reference.min()) + step, every) if len(reference) else 0,
            anchor=anchor,
            first_lag=1 + round((anchor - end) / every),
            windows=_whole(int(later.max()) - anchor + step, every) if len(later) else 0,
        )

    @property
    def periods(self) -> int:
        return self.reference - 1 + self.first_lag + self.windows

    @property
    def lags(self) -> range:
        return range(self.first_lag, self.first_lag + self.windows)

    def period(self, lag: int) -> int:
        return self.reference - 1 + lag

    def of_reference(self, times: Ints) -> Ints:
        """Period of each row of the reference, `OUTSIDE` for those of its first, partial period; shape (n_rows,)."""
        period = self.reference - 1 - np.maximum(self.end - times, 0) // self.every
        return np.where(period >= 0, period, OUTSIDE)

    def of_window(self, times: Ints) -> Ints:
        """Period of each row of the windows, `OUTSIDE` for those in none; shape (n_rows,)."""
        number = (times - self.anchor) // self.every
        inside = (number >= 0) & (number < self.windows)
        return np.where(inside, self.period(self.first_lag) + number, OUTSIDE)

    def start(self, lag: int) -> int:
        """Begin of the window at a lag as its rows have it."""
        return self.anchor + (lag - self.first_lag) * self.every

    def onset(self, lag: int) -> int:
        """Begin of the window at a lag as counted from the reference's end, whatever rows are there."""
        return self.end + (lag - 1) * self.every


@dataclass(frozen=True)
class Pairs:
    """Pairs of a period and the slice it is compared with: `length` periods, the last of which is `lag` earlier.

    Attributes:
        periods: shape (n_pairs,); the last one is the window that is tested.
    """

    periods: Ints
    lag: int
    length: int

    @property
    def nulls(self) -> int:
        return len(self.periods) - 1

    def slices(self) -> list[tuple[int, int]]:
        """First period of each pair's slice, and the one after its last."""
        return [(int(period) - self.lag - self.length + 1, int(period) - self.lag + 1) for period in self.periods]


def pairs_of(lag: int, reference: int, natural: Collection[int], least: int = LEAST_NULLS) -> Pairs | None:
    """The pairs that a window at `lag` is ranked among: each of the `natural` periods before it with the slice that is
    as much earlier as the window's own. Seasons and trends at that lag are in them.

    The slice has as many periods, from 4 to 13, as leave `WISHED_NULLS` earlier pairs; 4 where that cannot be, and None
    where these leave fewer than `least` pairs.
    """
    window = reference - 1 + lag
    earlier = np.array(sorted(period for period in natural if period < window), dtype=np.int64)
    for length in range(min(MOST_SLICE, reference), LEAST_SLICE - 1, -1):
        found = earlier[earlier - lag - length + 1 >= 0]
        if len(found) >= max(least, WISHED_NULLS if length > LEAST_SLICE else 0):
            return Pairs(np.append(found, window), lag, length)
    return None


def _step(times: Ints, every: int) -> int:
    """The smallest step between two times, at most `every`: a table of days goes on to the end of its last day."""
    steps = np.diff(np.unique(times))
    return min(int(steps.min()), every) if len(steps) else 0


def _whole(span: int, every: int) -> int:
    return int(span / every + 1.0 - WHOLE)
