"""Many statistics judged at once: p-values that hold for all of them together.

Step-down maxT (Westfall and Young, "Resampling-Based Multiple Testing", 1993) over looks that are alike: under natural
variation the rank of the tested look among them all is uniform, whatever the members' distributions and dependence.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def adjusted(scores: Floats, alpha: float) -> tuple[Floats, Floats]:
    """p-value of the last look in each member, adjusted for all members, and the score from which it would be at most
    alpha; each of shape (n_members,).

    Members are taken by falling score, and each is ranked among the largest scores that the other looks have in it and
    in the members after it.

    Args:
        scores: shape (n_looks, n_members), larger for a larger change; minus infinity where a look has no change that
            counts, which has p = 1.
    """
    looks, members = scores.shape
    tested, nulls = scores[-1], scores[:-1]
    allowed = int(np.floor(alpha * looks + 1e-9))
    p, thresholds, reached = np.ones(members), np.full(members, np.inf), 0.0
    order = np.argsort(-tested, kind="stable")
    for place, member in enumerate(order):
        largest = nulls[:, order[place:]].max(axis=1)
        if 0 < allowed <= len(largest):
            thresholds[member] = np.partition(largest, looks - 1 - allowed)[looks - 1 - allowed]
        if np.isfinite(tested[member]):
            reached = max(reached, (1 + int(np.sum(largest >= tested[member]))) / looks)
            p[member] = reached
    return p, thresholds
