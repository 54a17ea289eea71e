"""Intervals and tests from the scores of folds, whose training rows overlap.

The scores of folds are no independent sample: two folds' models share most of their training rows, so sd / sqrt(n) is
too small an error of their mean. Nadeau and Bengio, "Inference for the generalization error", Machine Learning 52
(2003), take the correlation of two scores to be the share of the rows that are scored, which makes the variance of the
mean of n scores `sd**2 * (1 / n + scored rows / training rows)`. Bouckaert and Frank, "Evaluating the replicability of
significance tests for comparing learning algorithms", PAKDD 2004, use it for repeated cross-validation with n - 1
degrees of freedom.

Estimand: the mean score of models that the same code trains on as many other rows of the same kind. Variance of
training is in it. The correlation is an approximation; no unbiased estimate of it exists.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from foldline.errors import ArgumentError


@dataclass(frozen=True)
class Interval:
    """A figure with its interval.

    Attributes:
        value: the figure.
        standard_error: its standard error.
        lower, upper: ends of the two-sided interval.
    """

    value: float
    standard_error: float
    lower: float
    upper: float


@dataclass(frozen=True)
class PairedTest:
    """Whether two models' mean scores on the same folds differ.

    Attributes:
        difference: mean of `a - b` over the folds.
        standard_error: corrected standard error of that mean.
        t: their ratio; 0 where both are 0, infinite where the folds differ by one and the same number.
        p_value: two-sided.
    """

    difference: float
    standard_error: float
    t: float
    p_value: float


def corrected_interval(scores: Sequence[float], test_ratio: float, confidence: float = 0.95) -> Interval:
    """Interval of the mean score by the corrected resampled t.

    Args:
        scores: one of each fold of each repeat; at least two.
        test_ratio: rows that a fold scores over rows that its model is trained on; 1 / (K - 1) for K equal folds.
        confidence: of the two-sided interval.

    Raises:
        ArgumentError: there are fewer than two scores, or a number is out of range.
    """
    if not 0.0 < confidence < 1.0:
        raise ArgumentError("confidence", expected="a number between 0 and 1", got=repr(confidence))
    values = _values(scores, "scores")
    mean, error = float(values.mean()), _standard_error(values, test_ratio)
    margin = float(student.ppf(0.5 + confidence / 2.0, len(values) - 1)) * error
    return Interval(mean, error, mean - margin, mean + margin)


def corrected_paired_test(a: Sequence[float], b: Sequence[float], test_ratio: float) -> PairedTest:
    """The corrected resampled t test of two models' scores on the same folds.

    Args:
        a, b: one score of each fold of each repeat, in the same order; at least two.
        test_ratio: as in `corrected_interval`.

    Raises:
        ArgumentError: there are fewer than two scores, not as many of `b` as of `a`, or a number is out of range.
    """
    first, second = _values(a, "scores of a"), _values(b, "scores of b")
    if len(first) != len(second):
        raise ArgumentError("scores of b", expected=f"{len(first)}, as many as of a", got=str(len(second)))
    differences = first - second
    mean, error = float(differences.mean()), _standard_error(differences, test_ratio)
    statistic = mean / error if error else (float(np.copysign(np.inf, mean)) if mean else 0.0)
    return PairedTest(mean, error, statistic, float(2.0 * student.sf(abs(statistic), len(differences) - 1)))


def _values(scores: Sequence[float], what: str) -> NDArray[np.float64]:
    values = np.asarray(scores, dtype=np.float64)
    if len(values) < 2 or not np.isfinite(values).all():
        raise ArgumentError(what, expected="at least two finite numbers", got=str(values.tolist()))
    return values


def _standard_error(values: NDArray[np.float64], test_ratio: float) -> float:
    if not 0.0 < test_ratio < np.inf:
        raise ArgumentError("test_ratio", expected="scored rows over training rows, above 0", got=repr(test_ratio))
    return float(values.std(ddof=1) * np.sqrt(1.0 / len(values) + test_ratio))
