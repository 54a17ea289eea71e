"""How far the shares of two samples are apart; each works on the last axis and broadcasts over the others."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# An empty bin has this share in the stability index, which would be infinite else.
LEAST_SHARE = 1e-4


def shares(counts: NDArray[np.int64]) -> Floats:
    """Counts of bins as shares of their sum, which must not be 0; shape kept."""
    found: Floats = counts / counts.sum(axis=-1, keepdims=True)
    return found


def divergence(one: Floats, other: Floats) -> Floats:
    """Jensen-Shannon divergence, base 2, in [0, 1] (Lin, "Divergence measures based on the Shannon entropy", IEEE
    Transactions on Information Theory 37, 1991)."""
    middle = (one + other) / 2.0
    # Rounding can leave equal shares a hair below 0.
    return np.maximum((_relative_entropy(one, middle) + _relative_entropy(other, middle)) / 2.0, 0.0)


def stability_index(one: Floats, other: Floats) -> Floats:
    """Population Stability Index: the sum of (a - b) ln(a / b), shares below `LEAST_SHARE` raised to it."""
    raised, base = np.maximum(one, LEAST_SHARE), np.maximum(other, LEAST_SHARE)
    index: Floats = ((raised - base) * np.log(raised / base)).sum(axis=-1)
    return index


def difference_of_roots(one: Floats, other: Floats) -> Floats:
    """Twice the difference of the square roots of the shares; shape kept.

    A root's sampling variance is 1 / (4 rows) whatever the share (Bartlett, "The square root transformation in analysis
    of variance", Journal of the Royal Statistical Society 3, 1936), so the difference's is 1 / rows in each bin.
    """
    difference: Floats = 2.0 * (np.sqrt(one) - np.sqrt(other))
    return difference


def _relative_entropy(one: Floats, other: Floats) -> Floats:
    present = one > 0
    ratio = np.divide(one, other, out=np.ones(np.broadcast_shapes(one.shape, other.shape)), where=present)
    total: Floats = (one * np.log2(ratio)).sum(axis=-1)
    return total
