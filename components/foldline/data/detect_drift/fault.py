"""Changes that look like a fault of the data's source and not like drift."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from foldline.data.detect_drift.columns import MISSING, UNSEEN, Binned, numeric_codes
from foldline.data.detect_drift.distances import Floats, divergence, shares
from foldline.data.detect_drift.periods import Ints

# Share of rows that lost their value, and share of rows with values never seen before.
MISSING_UP, UNSEEN_UP = 0.2, 0.5
# Scales differ by so much where units were mixed up.
LEAST_SCALE = 10.0
# A change that explains a column leaves no more of its divergence than this share.
EXPLAINED = 0.25
# Share of rows that are repeated, beyond the most that a period of the reference has.
REPEATED_UP = 0.3
# A window that has so much less than the smallest period of the reference, and too few rows to be judged, lost rows.
ROWS_LEFT = 0.2


def column_fault(binned: Binned, window: NDArray[Any], earlier: NDArray[Any], now: Ints, before: Ints) -> str:
    """What the change of a column looks like, in words; empty where it is no fault.

    Args:
        window, earlier: values of the window and of the slice, NaN (-1 of a category) where missing; shape (n_rows,).
        now, before: counts of the column's bins in the window and in the slice; shape (n_bins,).
    """
    shares_now, shares_before = shares(now), shares(before)
    missing = binned.names.index(MISSING)
    if shares_now[missing] - shares_before[missing] >= MISSING_UP:
        return f"missing in {shares_now[missing]:.0%} of the rows, {shares_before[missing]:.0%} before"
    if binned.edges is None:
        unseen = binned.names.index(UNSEEN)
        if shares_now[unseen] >= UNSEEN_UP:
            return f"{shares_now[unseen]:.0%} of the rows have values never seen before"
        present = window[window >= 0]
    else:
        present = window[~np.isnan(window)]
    if len(present) and (present == present[0]).all() and np.delete(shares_before, missing).max() < 0.95:
        return "the same value in all rows, where it varied before"
    if binned.edges is None or not len(present):
        return ""
    return _undone(binned, present, earlier[~np.isnan(earlier)], shares_now[missing], shares_before)


def table_fault(rows: int, smallest: int, minimum_rows: int, repeated: float, repeated_before: float) -> str:
    """What is wrong with the rows as such, in words; empty where nothing is.

    Args:
        smallest: rows of the smallest period of the reference.
        repeated: share of the window's rows that say the same as another.
        repeated_before: the most of any period of the reference.
    """
    if rows < minimum_rows and rows < ROWS_LEFT * smallest:
        return f"{rows} rows, where the reference has at least {smallest} in a period"
    if repeated - repeated_before >= REPEATED_UP:
        return f"{repeated:.0%} of the rows repeat another, {repeated_before:.0%} at most before"
    return ""


def _undone(binned: Binned, present: Floats, earlier: Floats, missing: float, before: Floats) -> str:
    """Whether turning the sign, or another scale, brings the column back to what it was."""

    def apart(values: Floats) -> float:
        assert binned.edges is not None
        counts = np.bincount(numeric_codes(values, binned.edges), minlength=binned.width)
        found = shares(counts) * (1.0 - missing)
        found[-1] = missing
        return float(divergence(found, before))

    limit = EXPLAINED * apart(present)
    if apart(-present) <= limit:
        return "the sign is turned"
    for scale in _scales(present, earlier):
        if apart(present / scale) <= limit:
            return f"values are {scale:.3g} times what they were"
    return ""


def _scales(now: Floats, before: Floats) -> list[float]:
    """How many times larger the values may have become: the ratio of their usual sizes, and the power of ten next to
    it; none where that is no other unit."""
    sizes = [np.abs(values[values != 0]) for values in (now, before)]
    if not all(map(len, sizes)):
        return []
    ratio = float(np.median(sizes[0]) / np.median(sizes[1]))
    found = [10.0 ** round(np.log10(ratio)), ratio]
    return [scale for scale in found if max(scale, 1.0 / scale) >= LEAST_SCALE]
