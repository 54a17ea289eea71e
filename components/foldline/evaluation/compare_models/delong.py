"""Variance of areas under ROC curves measured on the same rows.

DeLong, DeLong and Clarke-Pearson, "Comparing the areas under two or more correlated receiver operating characteristic
curves: a nonparametric approach", Biometrics 44 (1988), computed from midranks in O(n log n) after Sun and Xu, "Fast
implementation of DeLong's algorithm", IEEE Signal Processing Letters 21 (2014).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def areas_and_covariance(label: NDArray[Any], scores: NDArray[Any]) -> tuple[Floats, Floats]:
    """Area under the ROC curve of each model, and their covariance.

    A tie between a positive and a negative row counts one half, so a constant score has the area 0.5 and no variance.

    Args:
        label: shape (n_rows,): 1 for positive rows, 0 for negative ones; at least two of each.
        scores: shape (n_models, n_rows): larger for rows that are more likely positive.

    Returns:
        Shape (n_models,) and (n_models, n_models).
    """
    positive = np.asarray(label) > 0.5
    placements = [_placements(np.asarray(row, dtype=np.float64), positive) for row in scores]
    of_positives = np.stack([of_positive for of_positive, _ in placements])
    of_negatives = np.stack([of_negative for _, of_negative in placements])
    covariance = _covariance(of_positives) + _covariance(of_negatives)
    return of_positives.mean(axis=1), covariance


def _placements(score: Floats, positive: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """For each positive row the share of negatives below it, for each negative row that of positives above it."""
    overall, above, below = midranks(score), midranks(score[positive]), midranks(score[~positive])
    positives, negatives = len(above), len(below)
    return (overall[positive] - above) / negatives, 1.0 - (overall[~positive] - below) / positives


def midranks(values: Floats) -> Floats:
    """Rank of each value from 1, the mean rank where values are equal; shape kept."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks: Floats = (last - (counts - 1) / 2.0)[inverse]
    return ranks


def _covariance(placements: Floats) -> Floats:
    centred = placements - placements.mean(axis=1, keepdims=True)
    rows = placements.shape[1]
    covariance: Floats = centred @ centred.T / ((rows - 1) * rows)
    return covariance
