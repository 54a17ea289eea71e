"""Whether a period differs from those before it by more than they differ from each other.

A family of members (columns, metrics, rates) is judged at once. Each member has a number a period that is large where
things are bad. The number of the judged period is held against those of earlier periods: all are standardised alike by
their median and median absolute deviation, and a period counts by its largest member (maxT). Where periods are
exchangeable, the rank of the judged one among them all is an exact p-value; members get theirs by stepping down
(`foldline.step_down`).

Trends and seasons are no change: a period is compared with a slice of periods that end as many periods before it (the
lag) as the judged one lies behind the reference, and so is each earlier period (forward chaining).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from foldline.step_down import adjusted

LEAST_NULLS = 19
LEAST_SLICE, MOST_SLICE = 4, 13
_NORMAL = 1.4826
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Chain:
    """How periods are compared.

    Attributes:
        periods: of the reference.
        lag: periods from a slice's last to the compared one; less than the true lag where the reference is short.
        width: periods of a slice.
    """

    periods: int
    lag: int
    width: int

    @property
    def first(self) -> int:
        """The first period that has a slice."""
        return self.lag + self.width - 1

    def slice_before(self, period: int) -> slice:
        """The slice that this period is compared with."""
        return slice(period - self.lag - self.width + 1, period - self.lag + 1)

    def against_slices(self, values: Floats) -> tuple[Floats, Floats]:
        """How far the values of each period with a slice lie above the mean of it, and the mean of the last slice.

        Args:
            values: of the reference's periods; shape (periods, n_members). NaN where a period has none.

        Returns:
            Shapes (periods - first, n_members) and (n_members,).
        """
        means = np.stack([_mean(values[self.slice_before(period)]) for period in range(self.first, self.periods)])
        return values[self.first :] - means, _mean(values[-self.width :])


def chain(periods: int, lag: int) -> Chain | None:
    """The widest slices that leave at least 19 periods to compare with; None where the reference is too short.

    Args:
        periods: of the reference.
        lag: of the judged period behind it, at least 1.
    """
    room = periods - LEAST_NULLS + 1
    if room - LEAST_SLICE < 1:
        return None
    shorter = min(lag, room - LEAST_SLICE)
    return Chain(periods, shorter, min(MOST_SLICE, room - shorter))


@dataclass(frozen=True)
class Judged:
    """What is said of one period.

    Attributes:
        p: of the period.
        adjusted: of each member, NaN of those that it lacks; shape (n_members,).
        threshold: the number from which on the member would be at most alpha, all else equal; shape (n_members,).
    """

    p: float
    adjusted: Floats
    threshold: Floats


def judge(number: Floats, nulls: Floats, resolution: Floats, alpha: float) -> Judged:
    """Judge one period.

    Args:
        number: of the period; shape (n_members,). NaN where the period lacks the member.
        nulls: of earlier periods; shape (n_periods, n_members). NaN where a period lacks it.
        resolution: what of each number is noise of sampling at any rate; shape (n_members,), above 0.
        alpha: probability of an alarm.
    """
    rows = np.concatenate([nulls, number[None]])
    has = np.isfinite(number)
    rows[:, ~has] = np.nan
    centre = _column_median(rows)
    scale = np.fmax(_NORMAL * _column_median(np.abs(rows - centre)), resolution)
    p, limit = adjusted(np.where(np.isfinite(rows), (rows - centre) / scale, -np.inf), alpha)
    return Judged(float(p.min(initial=1.0)), np.where(has, p, np.nan), centre + limit * scale)


def _mean(values: Floats) -> Floats:
    """Over periods that have a value; NaN where none has."""
    has = np.isfinite(values)
    with np.errstate(invalid="ignore"):
        mean: Floats = np.where(has, values, 0.0).sum(axis=0) / has.sum(axis=0)
    return mean


def _column_median(values: Floats) -> Floats:
    """Of what each column has; 0 where it has nothing."""
    ordered, has = np.sort(values, axis=0), np.isfinite(values).sum(axis=0)
    columns = np.arange(values.shape[1])
    low, high = ordered[np.maximum(has - 1, 0) // 2, columns], ordered[has // 2, columns]
    return np.where(has > 0, (low + np.where(has % 2 == 0, high, low)) / 2.0, 0.0)
