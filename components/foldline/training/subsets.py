"""Nested random subsets of training rows."""

import numpy as np
from numpy.typing import NDArray

from foldline.artifacts import Task


def nested_order(label: NDArray[np.float32], task: Task, seed: int) -> NDArray[np.int64]:
    """An order of rows whose beginnings are random subsets, each a part of every longer one.

    A beginning of at least as many rows as there are classes has a row of each class, and about the shares of the
    classes that all rows have.

    Args:
        label: shape (n_rows,): index of the class, or the value.

    Returns:
        Positions of rows, shape (n_rows,).
    """
    random = np.random.default_rng(seed)
    place = random.permutation(len(label)).astype(np.float64)
    if task.is_classification:
        for name in np.unique(label):
            own = np.flatnonzero(label == name)
            ranks = random.permutation(len(own))
            place[own] = (ranks + random.random(len(own))) / len(own)
            place[own[ranks == 0]] = -1.0
    return np.argsort(place, kind="stable")
