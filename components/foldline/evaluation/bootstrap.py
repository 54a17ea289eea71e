"""Intervals of metrics from resampled rows.

Davison and Hinkley, "Bootstrap methods and their application", 1997, section 5.2: the metric less its bias, give or
take normal quantiles of its standard error, both found over resamples; bounded by what the metric can be. (Percentiles
double the bias of metrics that have one, such as average precision and R2 of small folds.) A row is drawn as often as
a Poisson number of mean 1 says, which leaves rows independent of each other (Hanley and MacGibbon, "Creating
non-parametric bootstrap samples using Poisson frequencies", Computer Methods and Programs in Biomedicine 83, 2006).

Estimand: the metric of the models as they are on other rows of the same kind. That a new training would give other
models is not in it.
"""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray
from scipy.stats import poisson

from foldline.artifacts.task import Task
from foldline.evaluation.metrics import within_range
from foldline.evaluation.per_row import Array
from foldline.evaluation.resampled import Interval
from foldline.evaluation.weighted import Counts, WeightedMetrics

# The standard error is then known within 3 %.
RESAMPLES = 500
# Counts of a block stay in the processor's cache.
_VALUES_PER_BLOCK = 300_000
# Poisson numbers of mean 1 by 16 random bits.
_BITS = 1 << 16
_POISSON = np.searchsorted(poisson.cdf(np.arange(9), 1.0), np.arange(_BITS) / _BITS, side="right").astype(np.uint8)


def bootstrap_intervals(
    task: Task,
    label: Array,
    prediction: Array,
    *,
    fold: NDArray[np.int64],
    group: NDArray[np.int64] | None = None,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, Interval]:
    """Interval of the mean over folds of each metric of `metrics.score`.

    A fold of a resample that lacks a class has no metrics, and is left out of that resample's mean.

    Args:
        label: shape (n_rows,).
        prediction: shape (n_rows, task.outputs).
        fold: whose model predicted the row; shape (n_rows,). Rows of one model have one number.
        group: rows that belong together have one number and are drawn together; shape (n_rows,). Each row alone where
            None.
        confidence: of the two-sided intervals.
        seed: of the resamples.
    """
    rows = [np.flatnonzero(fold == number) for number in np.unique(fold)]
    folds = [WeightedMetrics(task, label[own], prediction[own]) for own in rows]
    members = None
    if group is not None:
        _, index = np.unique(group, return_inverse=True)
        members = [index.reshape(-1)[own] for own in rows]
    size = max(1, _VALUES_PER_BLOCK // len(label))

    def block(start: int) -> dict[str, Array]:
        random = np.random.default_rng([seed, start])
        drawn = _drawn(random, min(size, resamples - start), [len(own) for own in rows], members)
        return _mean_over_folds([of(counts) for of, counts in zip(folds, drawn, strict=True)])

    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as threads:
        blocks = list(threads.map(block, range(0, resamples, size)))
    once = [np.ones((1, len(own)), dtype=np.uint8) for own in rows]
    values = _mean_over_folds([of(counts) for of, counts in zip(folds, once, strict=True)])
    return {
        name: _interval(float(value[0]), np.concatenate([one[name] for one in blocks]), confidence, name)
        for name, value in values.items()
    }


def _interval(value: float, drawn: Array, confidence: float, name: str) -> Interval:
    drawn = drawn[np.isfinite(drawn)]
    error, centre = float(drawn.std(ddof=1)), 2.0 * value - float(drawn.mean())
    margin = NormalDist().inv_cdf(0.5 + confidence / 2.0) * error
    return Interval(value, error, *within_range(name, centre - margin, centre + margin))


def _mean_over_folds(scores: Sequence[dict[str, Array]]) -> dict[str, Array]:
    """The mean of each metric over the folds that have it; NaN where none has."""
    means = {}
    for name in scores[0]:
        values = np.stack([one[name] for one in scores])
        defined = np.isfinite(values)
        with np.errstate(invalid="ignore"):
            means[name] = np.where(defined, values, 0.0).sum(axis=0) / defined.sum(axis=0)
    return means


def _drawn(
    random: np.random.Generator, count: int, sizes: Sequence[int], members: Sequence[Array] | None
) -> list[Counts]:
    """How often each row of each fold is drawn, in each of `count` resamples."""
    if members is None:
        return [_poisson(random, count, size) for size in sizes]
    of_group = _poisson(random, count, max(int(own.max()) for own in members) + 1)
    return [np.take(of_group, own, axis=1) for own in members]


def _poisson(random: np.random.Generator, count: int, size: int) -> Counts:
    return np.take(_POISSON, random.integers(0, _BITS, (count, size), dtype=np.uint16))
