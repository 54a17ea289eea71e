"""The corrected resampled t: its formula, and by simulation how often its intervals hold the truth."""

from typing import Any

import numpy as np
import pytest
from scipy import stats

from foldline.errors import ArgumentError
from foldline.evaluation.resampled import PairedTest, corrected_interval, corrected_paired_test

SIMULATIONS = 4000


def correlated_scores(random: np.random.Generator, count: int, test_ratio: float) -> np.ndarray:
    """Scores around 0 of many cross-validations; shape (SIMULATIONS, count).

    Two scores of one correlate as the method supposes: by the share of scored rows, test_ratio / (1 + test_ratio).
    """
    share = test_ratio / (1.0 + test_ratio)
    shared = random.normal(size=(SIMULATIONS, 1))
    return np.sqrt(share) * shared + np.sqrt(1.0 - share) * random.normal(size=(SIMULATIONS, count))


def test_without_overlap_the_test_is_the_paired_t_test_and_the_interval_is_its_inverse() -> None:
    random = np.random.default_rng(1)
    a, b = random.normal(0.7, 0.02, 10), random.normal(0.69, 0.02, 10)
    found, expected = corrected_paired_test(a, b, 1e-12), stats.ttest_rel(a, b)
    assert (found.t, found.p_value) == pytest.approx((expected.statistic, expected.pvalue))
    interval = corrected_interval(a - b, 1e-12, confidence=0.9)
    assert (interval.lower, interval.upper) == pytest.approx(tuple(expected.confidence_interval(0.9)))
    assert interval.value == pytest.approx(found.difference)


@pytest.mark.parametrize(("folds", "repeats"), [(5, 1), (10, 10), (2, 5)])
def test_the_variance_of_the_mean_is_that_of_the_article(folds: int, repeats: int) -> None:
    scores = np.random.default_rng(2).normal(size=folds * repeats)
    found = corrected_interval(scores, 1.0 / (folds - 1), confidence=0.95)
    variance = (1.0 / (folds * repeats) + 1.0 / (folds - 1)) * scores.var(ddof=1)
    assert found.standard_error == pytest.approx(variance**0.5)
    assert (
        found.upper - found.value
        == pytest.approx(stats.t.ppf(0.975, folds * repeats - 1) * variance**0.5)
        == pytest.approx(found.value - found.lower)
    )


@pytest.mark.parametrize(("folds", "repeats"), [(5, 1), (10, 1), (5, 10)])
def test_the_interval_holds_the_truth_in_95_percent_where_scores_correlate_as_supposed(
    folds: int, repeats: int
) -> None:
    ratio = 1.0 / (folds - 1)
    scores = correlated_scores(np.random.default_rng(3), folds * repeats, ratio)
    intervals = [corrected_interval(row, ratio, confidence=0.95) for row in scores]
    assert 0.935 <= np.mean([one.lower <= 0.0 <= one.upper for one in intervals]) <= 0.965
    plain = scores.std(axis=1, ddof=1) / np.sqrt(folds * repeats) * stats.t.ppf(0.975, folds * repeats - 1)
    assert np.mean(np.abs(scores.mean(axis=1)) <= plain) < 0.9


def test_equal_models_are_told_apart_in_5_percent_where_scores_correlate_as_supposed() -> None:
    random = np.random.default_rng(4)
    a, b = (correlated_scores(random, 10, 1.0 / 9.0) for _ in range(2))
    rejected = [corrected_paired_test(one, other, 1.0 / 9.0).p_value < 0.05 for one, other in zip(a, b, strict=True)]
    assert 0.035 <= np.mean(rejected) <= 0.065


def test_equal_models_are_told_apart_in_at_most_5_percent_of_true_cross_validations() -> None:
    """Two features of pure noise, a slope for each: equally good, and cross-validated ten times two-fold."""
    random = np.random.default_rng(5)
    corrected, plain = [], []
    for _ in range(2000):
        target, *features = random.normal(size=(3, 40))
        losses = []
        for _ in range(10):
            order = random.permutation(40)
            for scored, seen in ((order[:20], order[20:]), (order[20:], order[:20])):
                slopes = [one[seen] @ target[seen] / (one[seen] @ one[seen]) for one in features]
                losses.append(
                    [((target - slope * one)[scored] ** 2).mean() for slope, one in zip(slopes, features, strict=True)]
                )
        a, b = np.array(losses).T
        corrected.append(corrected_paired_test(a, b, 1.0).p_value < 0.05)
        plain.append(stats.ttest_rel(a, b).pvalue < 0.05)
    assert np.mean(corrected) <= 0.065
    assert np.mean(plain) > 0.2


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ([1.0, 2.0], [1.0, 2.0], PairedTest(0.0, 0.0, 0.0, 1.0)),
        ([1.5, 2.5], [1.0, 2.0], PairedTest(0.5, 0.0, np.inf, 0.0)),
        ([1.0, 2.0], [1.5, 2.5], PairedTest(-0.5, 0.0, -np.inf, 0.0)),
    ],
    ids=["equal", "better-by-the-same-in-each-fold", "worse-by-the-same-in-each-fold"],
)
def test_differences_without_variance_have_a_verdict(a: list[float], b: list[float], expected: PairedTest) -> None:
    assert corrected_paired_test(a, b, 0.25) == expected


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: corrected_interval([0.5], 0.25), r"scores: expected at least two finite numbers, got \[0.5\]"),
        (lambda: corrected_interval([0.5, float("nan")], 0.25), "at least two finite numbers"),
        (lambda: corrected_interval([0.5, 0.6], 0.0), "test_ratio: expected scored rows over training rows, above 0"),
        (lambda: corrected_interval([0.5, 0.6], 0.25, 1.0), "confidence: expected a number between 0 and 1, got 1.0"),
        (lambda: corrected_paired_test([1, 2], [1, 2, 3], 0.25), "scores of b: expected 2, as many as of a, got 3"),
        (lambda: corrected_paired_test([1, 2], [1, 2], -1.0), "test_ratio"),
    ],
)
def test_scores_that_give_no_interval_are_refused(call: Any, said: str) -> None:
    with pytest.raises(ArgumentError, match=said):
        call()
