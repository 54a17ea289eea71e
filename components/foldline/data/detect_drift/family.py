"""Many statistics of one window, judged as one family among the same statistics of earlier pairs of periods.

Rows of every array are pairs of a period and the slice it is compared with; the last row is the window that is tested.
All rows are treated alike, so that under natural variation the window's rank among them is uniform.
"""

import numpy as np

from foldline.data.detect_drift.distances import Floats
from foldline.data.detect_drift.periods import Ints

# Weight of sampling noise beside natural variation where a change is measured, and for how many periods a period is
# like the one before; see docs/decisions/0016.
RIDGE = 3.0
NEIGHBOURS = 2
_NORMAL = 1.4826  # A normal deviation over its median absolute deviation.


def deviation(differences: Floats, periods: Ints, rows: int) -> Floats:
    """How unlike the other pairs' each pair's change of shares is; shape (n_pairs,).

    The square root of x' (C + ridge)^-1 x, with C the sum of the other pairs' x x', brought to the same number of pairs
    for each: a change along directions in which the shares move anyway counts little, one that no other pair shows
    counts much. Pairs within `NEIGHBOURS` periods are no others: periods that follow each other are alike, and the
    newest one would have neighbours on one side only.

    Args:
        differences: shape (n_pairs, n_bins), as of `difference_of_roots`.
        periods: number of each pair's period; shape (n_pairs,).
        rows: of the window; their sampling noise scales the ridge.
    """
    pairs, bins = differences.shape
    others = (np.abs(periods[:, None] - periods) > NEIGHBOURS).astype(np.float64)
    weights = others * (pairs / np.maximum(others.sum(axis=1, keepdims=True), 1.0))
    products = (differences[:, :, None] * differences[:, None, :]).reshape(pairs, bins * bins)
    usual = (weights @ products).reshape(pairs, bins, bins) + np.eye(bins) * (RIDGE * pairs / rows)
    solved = np.linalg.solve(usual, differences[:, :, None])[:, :, 0]
    found: Floats = np.sqrt((differences * solved).sum(axis=1))
    return found


def deviation_noise(pairs: int) -> float:
    """Standard deviation of `deviation` where there is nothing but sampling noise."""
    return float(np.sqrt(0.5 / ((1.0 + RIDGE) * pairs)))


def standardised(statistics: Floats, least_scale: Floats) -> Floats:
    """Distance of each statistic from the median of its column in (normal) median absolute deviations; shape kept.

    Args:
        statistics: shape (n_pairs, n_members).
        least_scale: shape (n_members,): the deviation is taken as at least so much.
    """
    centre = np.median(statistics, axis=0)
    scale = _NORMAL * np.median(np.abs(statistics - centre), axis=0)
    found: Floats = (statistics - centre) / np.maximum(scale, least_scale)
    return found


def material(scores: Floats, effects: Floats, floors: Floats) -> Floats:
    """The scores, minus infinity where the effect is below its floor: in the other pairs too, so that all are alike."""
    return np.where(effects >= floors, scores, -np.inf)
