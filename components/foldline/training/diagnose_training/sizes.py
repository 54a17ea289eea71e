"""The parts of a learning curve: each fold with fewer of its training rows, and the largest size looked at from both
sides."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from foldline.artifacts import Task
from foldline.errors import DataError
from foldline.training.fitting.rows import Rows
from foldline.training.subsets import nested_order

SIZES = 5
SMALLEST_SHARE = 1 / 16
# With fewer training rows the smallest size says nothing.
LEAST_ROWS = 32


def shares_of(rows: int) -> tuple[float, ...]:
    """The shares of the training rows that the sizes have, evenly spaced by their logarithm; the last is 1.

    Args:
        rows: training rows of the smallest fold.

    Raises:
        DataError: there are too few to be divided.
    """
    if rows < 2 * LEAST_ROWS:
        raise DataError(
            "training rows of the smallest fold",
            expected=f"at least {2 * LEAST_ROWS} for a learning curve",
            got=str(rows),
        )
    return tuple(np.geomspace(max(SMALLEST_SHARE, LEAST_ROWS / rows), 1.0, SIZES).tolist())


def with_shares(rows: Rows, task: Task, shares: Sequence[float], seed: int) -> list[Rows]:
    """For each share the folds with so many of their training rows; a larger share has those of a smaller."""
    orders = [
        own[nested_order(rows.label[own], task, seed + fold)]
        for own, fold in zip(rows.training, rows.folds, strict=True)
    ]
    return [
        replace(rows, training=tuple(np.sort(order[: round(share * len(order))]) for order in orders))
        for share in shares
    ]


def with_seen_rows(rows: Rows, seed: int) -> Rows:
    """Each fold twice: as it is, then applied to rows that it is trained on, as many as it scores.

    Both models of a fold are the same, since weights and order of rows hang on the number of the fold. The loss of the
    second is the training loss after each epoch, without dropout.
    """
    seen = []
    for own, scored, fold in zip(rows.training, rows.validation, rows.folds, strict=True):
        count = min(len(own), len(scored))
        seen.append(np.sort(np.random.default_rng(seed + fold).choice(own, count, replace=False)))
    return replace(rows, folds=rows.folds * 2, training=rows.training * 2, validation=(*rows.validation, *seen))
