"""Rows that say the same as another row of their period."""

import itertools

import numpy as np

from foldline.artifacts.identity import mix
from foldline.data.detect_drift.distances import Floats
from foldline.data.detect_drift.periods import Ints
from foldline.data.detect_drift.watched import Watched


def repeated_shares(watched: Watched, times: Ints, starts: Ints) -> Floats:
    """Share of the rows of each period that repeat another one's time and watched values; shape (n_periods,)."""
    hashed = mix(np.ascontiguousarray(times).view(np.uint64))
    for one in watched.columns:
        hashed = mix(hashed ^ mix(np.ascontiguousarray(one.column.values).view(np.uint64)))
    return np.array(
        [
            1.0 - len(np.unique(hashed[begin:end])) / (end - begin) if end > begin else 0.0
            for begin, end in itertools.pairwise(starts)
        ]
    )
