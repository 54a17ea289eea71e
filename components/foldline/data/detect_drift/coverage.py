"""Members that a window and enough earlier pairs have values of: labels come late, and some rows have no prediction."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from foldline.data.detect_drift.periods import Ints, Pairs
from foldline.data.detect_drift.policy import Policy
from foldline.data.detect_drift.watched import Watched

_ERRORS = "errors"


def covered(watched: Watched, pairs: Pairs, policy: Policy) -> tuple[Watched, Pairs, tuple[str, ...]]:
    """What can be judged, the pairs that have all of it, and why the rest cannot be, in words.

    A member counts in a period, or a slice, of at least `policy.minimum_rows` rows that have it. All members of a
    window are ranked among the same pairs: members are taken by the number of pairs that have them, as long as enough
    pairs are left.
    """
    starts = {one.column.name: one.binned.starts for one in watched.columns}
    if watched.scored is not None:
        starts[_ERRORS] = watched.scored.starts
    having = {name: _having(own, pairs, policy.minimum_rows) for name, own in starts.items()}
    common, kept, said = np.ones(len(pairs.periods), dtype=bool), set(), []
    for name in sorted(having, key=lambda one: -int(having[one].sum())):
        both = common & having[name]
        if not having[name][-1]:
            said.append(f"{name}: fewer than {policy.minimum_rows} rows have it")
        elif both.sum() - 1 < policy.least_nulls:
            said.append(f"{name}: fewer than {policy.least_nulls} earlier pairs have it")
        else:
            common = both
            kept.add(name)
    judged = replace(
        watched,
        columns=tuple(one for one in watched.columns if one.column.name in kept),
        scored=watched.scored if _ERRORS in kept else None,
    )
    return judged, replace(pairs, periods=pairs.periods[common]), tuple(said)


def _having(starts: Ints, pairs: Pairs, least: int) -> NDArray[np.bool_]:
    """Which pairs have enough rows on both sides; shape (n_pairs,)."""
    slices = np.array(pairs.slices())
    enough: NDArray[np.bool_] = (np.diff(starts)[pairs.periods] >= least) & (
        starts[slices[:, 1]] - starts[slices[:, 0]] >= least
    )
    return enough
