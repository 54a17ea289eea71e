"""The gain and its bounds: against brute force and the bootstrap, and by simulation where nothing is gained."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from foldline.artifacts import Task
from foldline.errors import ComparisonError
from foldline.evaluation.compare_models.delong import areas_and_covariance, midranks
from foldline.evaluation.compare_models.gain import bootstrap_bounds, gain

BINARY = Task("binary", ("no", "yes"))
COLOURS = Task("multiclass", ("blue", "green", "red"))
REGRESSION = Task("regression")
SIMULATIONS = 400
MOST_PROMOTIONS = 29


@st.composite
def paired_scores(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Labels with at least two of each class and two models' scores with many ties."""
    rows = draw(st.integers(4, 30))
    label = np.array(draw(st.lists(st.integers(0, 1), min_size=rows, max_size=rows)))
    label[:4] = 0, 0, 1, 1
    grid = st.lists(st.integers(0, 6), min_size=rows, max_size=rows)
    return label, np.array([draw(grid), draw(grid)], dtype=np.float64) / 6


def by_definition(label: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """DeLong's estimator from all pairs of rows."""
    above = scores[:, label == 1][:, :, None]
    below = scores[:, label == 0][:, None, :]
    wins = (above > below) + 0.5 * (above == below)
    covariance = sum(np.cov(wins.mean(axis=axis)) / wins.shape[3 - axis] for axis in (1, 2))
    return wins.mean(axis=(1, 2)), covariance


@settings(max_examples=150, deadline=None)
@given(paired_scores())
def test_areas_and_covariance_equal_the_definition_over_all_pairs(made: tuple[np.ndarray, np.ndarray]) -> None:
    label, scores = made
    areas, covariance = areas_and_covariance(label, scores)
    expected_areas, expected_covariance = by_definition(label, scores)
    assert areas == pytest.approx(expected_areas)
    assert areas == pytest.approx([roc_auc_score(label, row) for row in scores])
    assert covariance == pytest.approx(expected_covariance, abs=1e-12)


def test_midranks_of_ties_are_their_mean() -> None:
    assert midranks(np.array([3.0, 1.0, 3.0, 2.0, 3.0])).tolist() == [4, 1, 4, 2, 4]


def test_the_standard_error_of_a_difference_is_that_of_the_bootstrap() -> None:
    random = np.random.default_rng(3)
    label = (random.random(800) < 0.3).astype(float)
    shared = random.normal(label, 1.0)
    scores = np.stack([shared + random.normal(0, 0.5, 800), shared + random.normal(0, 1.0, 800)])
    _, covariance = areas_and_covariance(label, scores)
    found = (covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]) ** 0.5
    resampled = []
    for _ in range(600):
        rows = random.integers(0, 800, 800)
        areas, _ = areas_and_covariance(label[rows], scores[:, rows])
        resampled.append(areas[0] - areas[1])
    assert found == pytest.approx(np.std(resampled), rel=0.1)


def test_a_constant_champion_has_half_the_area_and_adds_no_variance() -> None:
    random = np.random.default_rng(5)
    label = np.repeat([0.0, 1.0], 100)
    challenger = random.normal(label, 1.0).astype(np.float32)[:, None]
    found = gain(BINARY, label, challenger, np.full((200, 1), 0.5, np.float32), confidence=0.95, seed=0)
    _, covariance = areas_and_covariance(label, challenger.T)
    assert found.champion == 0.5
    assert (found.value - found.lower) == pytest.approx(1.6449 * covariance[0, 0] ** 0.5, rel=1e-4)
    assert 0 < found.lower < found.value < found.upper


@pytest.mark.parametrize("task", [BINARY, COLOURS, REGRESSION], ids=lambda task: task.kind)
def test_the_same_predictions_gain_nothing_with_certainty(task: Task) -> None:
    random = np.random.default_rng(1)
    label = np.arange(120) % 2
    prediction = random.dirichlet([1.0] * task.outputs, 120) if task.outputs > 1 else random.random((120, 1))
    found = gain(task, label, prediction, prediction, confidence=0.95, seed=0)
    assert (found.value, found.lower, found.upper) == (0, 0, 0)


def noisy_pair(kind: str, random: np.random.Generator, rows: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Label and the predictions of two models that are equally good."""
    signal = random.normal(0.0, 1.0, rows)
    noise = random.normal(0.0, 0.7, (2, rows))
    if kind == "regression":
        return signal + random.normal(0, 1, rows), (signal + noise[0])[:, None], (signal + noise[1])[:, None]
    if kind == "binary":
        label = (random.random(rows) < 1 / (1 + np.exp(-signal - 1))).astype(float)
        return label, *(1 / (1 + np.exp(-signal - one))[:, None] for one in noise)
    logits = np.stack([signal, np.zeros(rows), -signal], axis=1)
    probability = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    label = (random.random((rows, 1)) > probability.cumsum(axis=1)).sum(axis=1).clip(0, 2)
    said = [np.exp(logits + one[:, None] * [1, 0, -1]) for one in noise]
    return label, *(one / one.sum(axis=1, keepdims=True) for one in said)


@pytest.mark.parametrize("task", [BINARY, COLOURS, REGRESSION], ids=lambda task: task.kind)
def test_an_equal_challenger_is_promoted_in_at_most_29_of_400_comparisons(task: Task) -> None:
    random = np.random.default_rng(20)
    promoted = 0
    for seed in range(SIMULATIONS):
        label, challenger, champion = noisy_pair(task.kind, random, 150)
        promoted += gain(task, label, challenger, champion, confidence=0.95, seed=seed).lower > 0
    assert 5 <= promoted <= MOST_PROMOTIONS


@pytest.mark.parametrize("task", [BINARY, COLOURS, REGRESSION], ids=lambda task: task.kind)
def test_a_better_challenger_gains_and_a_worse_one_loses(task: Task) -> None:
    random = np.random.default_rng(8)
    label, good, _ = noisy_pair(task.kind, random, 2000)
    bad = random.permutation(good)
    gained = gain(task, label, good, bad, confidence=0.95, seed=0)
    lost = gain(task, label, bad, good, confidence=0.95, seed=0)
    assert 0 < gained.lower < gained.value < gained.upper
    assert lost.value == pytest.approx(-gained.value)
    assert lost.upper < 0


def test_bootstrap_bounds_are_those_of_the_mean_and_the_same_for_the_same_seed() -> None:
    difference = np.random.default_rng(2).normal(0.3, 1.0, 5000)
    lower, upper = bootstrap_bounds(difference, 0.95, seed=7)
    margin = 1.6449 * difference.std() / 5000**0.5
    assert lower == pytest.approx(difference.mean() - margin, abs=0.1 * margin)
    assert upper == pytest.approx(difference.mean() + margin, abs=0.1 * margin)
    assert (lower, upper) == bootstrap_bounds(difference, 0.95, seed=7)
    assert (lower, upper) != bootstrap_bounds(difference, 0.95, seed=8)


def test_too_few_rows_of_a_class_are_refused_by_name() -> None:
    label = np.r_[np.zeros(100), np.ones(9)]
    with pytest.raises(ComparisonError, match="at least 10 of class 'yes', got 9 of 109"):
        gain(BINARY, label, np.zeros((109, 1)), np.zeros((109, 1)), confidence=0.95, seed=0)
