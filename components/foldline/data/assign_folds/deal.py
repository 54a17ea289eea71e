"""Dealing rows to a hold-out and to folds. Nothing here depends on the order of the rows."""

from __future__ import annotations

import heapq

import numpy as np
from numpy.typing import NDArray

from foldline.artifacts.folds import FORWARD
from foldline.artifacts.identity import unit_interval
from foldline.errors import ArgumentError, DataError

HOLD_OUT_SALT = "foldline hold-out"

Integers = NDArray[np.int64]
Mask = NDArray[np.bool_]


def hold_out(identity: Integers, fraction: float) -> Mask:
    """Test rows; shape (n_rows,): those whose hash is below `fraction`, so that added rows change nobody's place.

    Args:
        identity: shape (n_rows,): `row_id`, or a hash of the row's group where groups stay together.
    """
    return np.asarray(unit_interval(identity, HOLD_OUT_SALT) < fraction)


def hold_out_latest(times: Integers, fraction: float) -> Mask:
    """Test rows; shape (n_rows,): about the latest `fraction`, equal times never split.

    The cut falls on the time that comes nearest to the fraction and leaves rows on both sides.

    Args:
        times: shape (n_rows,), any unit.

    Raises:
        DataError: all times are equal.
    """
    if fraction == 0.0:
        return np.zeros(len(times), dtype=bool)
    moments, counts = np.unique(times, return_counts=True)
    if len(moments) < 2:
        raise DataError("time_column", expected="at least two different times", got="one")
    earlier = np.cumsum(counts)[:-1]
    cut = int(np.argmin(np.abs(earlier - (1.0 - fraction) * len(times))))
    return np.asarray(times > moments[cut])


def salt(seed: int, repeat: int) -> str:
    """What the hashes of a repeat begin with."""
    return f"folds {seed}" if repeat == 0 else f"folds {seed} repeat {repeat}"


def stratified(row_id: Integers, classes: Integers, n_folds: int, seed: int, repeat: int = 0) -> Integers:
    """Folds; shape (n_rows,), in [0, n_folds).

    Rows are dealt class by class in the order of a seeded hash, and a class goes on at the fold where the one before
    it ended: folds differ by at most one row, in each class and in all.
    """
    order = np.lexsort((row_id, unit_interval(row_id, salt(seed, repeat)), classes))
    fold = np.empty(len(row_id), dtype=np.int64)
    fold[order] = np.arange(len(row_id)) % n_folds
    return fold


def grouped(groups: Integers, group_hash: Integers, n_folds: int, seed: int, repeat: int = 0) -> Integers:
    """Folds; shape (n_rows,), in [0, n_folds): whole groups, the largest first, each to the fold with the fewest rows.

    Groups of equal size follow a seeded hash; in later repeats those of about equal size (within a power of two), or
    groups of different sizes would be dealt alike each time.

    Args:
        groups: shape (n_rows,): index of the row's group in [0, n_groups).
        group_hash: shape (n_groups,): a hash of each group's value.
    """
    sizes = np.bincount(groups, minlength=len(group_hash))
    about = sizes if repeat == 0 else np.frexp(sizes)[1]
    order = np.lexsort((group_hash, unit_interval(group_hash, salt(seed, repeat)), -about))
    fold_of = np.empty(len(group_hash), dtype=np.int64)
    filled = [(0, fold) for fold in range(n_folds)]
    for group in order.tolist():
        rows, fold = filled[0]
        fold_of[group] = fold
        heapq.heapreplace(filled, (rows + int(sizes[group]), fold))
    return np.asarray(fold_of[groups], dtype=np.int64)


def forward(times: Integers, n_folds: int) -> Integers:
    """Folds; shape (n_rows,), in [0, n_folds]: consecutive blocks of time of about equal size, equal times never split.

    Fold 0 is only trained on; fold k is predicted from the folds before it.

    Raises:
        DataError: there are fewer different times than blocks.
    """
    moments, place, counts = np.unique(times, return_inverse=True, return_counts=True)
    blocks = n_folds + 1
    if len(moments) < blocks:
        raise DataError(
            "n_folds",
            expected=f"at most {max(len(moments) - 1, 0)}, one less than the training rows' different times",
            got=str(n_folds),
        )
    middle = np.cumsum(counts) - counts / 2
    wanted = (middle * blocks / len(times)).astype(np.int64)
    starts = np.searchsorted(wanted, np.arange(blocks))
    # Each block takes at least one moment, and leaves one for each that follows.
    for block in range(1, blocks):
        starts[block] = min(max(starts[block], starts[block - 1] + 1), len(moments) - (blocks - block))
    block_of = np.searchsorted(starts, np.arange(len(moments)), side="right") - 1
    return np.asarray(block_of[place.reshape(-1)], dtype=np.int64)


def check_parameters(
    strategy: str, n_folds: int, n_repeats: int, test_fraction: float, strategies: tuple[str, ...]
) -> None:
    """Raises:
    ArgumentError: a parameter is outside its range.
    """
    if strategy not in strategies:
        raise ArgumentError("strategy", expected=f"one of {', '.join(strategies)}", got=repr(strategy))
    if n_folds < 2:
        raise ArgumentError("n_folds", expected="at least 2", got=str(n_folds))
    if n_repeats < 1:
        raise ArgumentError("n_repeats", expected="at least 1", got=str(n_repeats))
    if n_repeats > 1 and strategy == FORWARD:
        raise ArgumentError("n_repeats", expected=f"1 with {FORWARD}: time has one order", got=str(n_repeats))
    if not 0.0 <= test_fraction <= 0.9:
        raise ArgumentError("test_fraction", expected="a share from 0.0 to 0.9", got=str(test_fraction))
