"""Calibration: what a map is fitted on, what it mends, and what is said of it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from scipy.special import expit, logit, softmax
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from foldline.artifacts import Predictions, Task
from foldline.evaluation import calibration, per_row
from foldline.evaluation.calibration import (
    apply_map,
    calibrate,
    calibration_error,
    confidence_of,
    fit_isotonic,
    fit_platt,
    reliability,
)

BINARY = Task("binary", ("no", "yes"))
COLOURS = Task("multiclass", ("blue", "green", "red"))
OTHERS = {fold: tuple(other for other in range(5) if other != fold) for fold in range(5)}


def binary_rows(rows: int, bend: Callable[[np.ndarray], np.ndarray], seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Labels, and their probabilities after `bend`."""
    random = np.random.default_rng(seed)
    odds = random.normal(-0.5, 1.5, rows)
    label = (random.random(rows) < expit(odds)).astype(np.float32)
    return label, bend(expit(odds))[:, None].astype(np.float32)


def predicted(task: Task, label: np.ndarray, prediction: np.ndarray) -> Predictions:
    """Predictions of five folds in turn."""
    rows = np.arange(len(label))
    return Predictions(Path("never-written"), task, rows, np.zeros_like(rows), rows % 5, label, prediction, {})


BENDS = {
    "none": lambda true: true,
    "platt": lambda true: expit(2.5 * logit(true) + 1.0),
    "isotonic": lambda true: np.where(true < 0.5, 0.9 * true, 0.45 + 0.1 * (true - 0.5)),
}


@pytest.mark.parametrize("chosen", BENDS)
def test_the_map_is_chosen_that_mends_how_the_probabilities_are_bent(chosen: str) -> None:
    label, prediction = binary_rows(6000, BENDS[chosen])
    found = calibrate(predicted(BINARY, label, prediction), OTHERS, 0.25)
    assert found.chosen == chosen
    assert set(found.bins) == {"none", chosen}
    for figures in found.figures.values():
        assert figures["gain"] == pytest.approx(found.figures["none"]["log_loss"] - figures["log_loss"])
    assert found.figures[chosen]["calibration_error"] < 0.03
    if chosen != "none":
        assert found.figures["none"]["calibration_error"] > 0.05
        assert found.figures[chosen]["brier"] < found.figures["none"]["brier"]


def test_of_calibrated_probabilities_a_map_that_gains_by_chance_is_not_chosen() -> None:
    best, chosen = [], []
    for seed in range(40):
        label, prediction = binary_rows(1000, BENDS["none"], seed)
        found = calibrate(predicted(BINARY, label, prediction), OTHERS, 0.25)
        best.append(max(found.figures, key=lambda name: found.figures[name]["gain"]))
        chosen.append(found.chosen)
    assert best.count("none") < 35
    assert chosen.count("none") >= 36


@pytest.mark.parametrize("method", calibration.METHODS)
@pytest.mark.parametrize("task", [BINARY, COLOURS], ids=lambda task: task.kind)
def test_a_map_is_judged_by_the_rows_of_a_fold_that_it_has_not_seen(task: Task, method: str) -> None:
    random = np.random.default_rng(2)
    fold = np.arange(1000) % 5
    prediction = random.random((1000, 1)) if task is BINARY else softmax(random.normal(size=(1000, 3)), axis=1)
    # Wrong labels in one fold, which its own map does not know of.
    label = np.where(fold == 3, 1, random.integers(0, len(task.classes), 1000)).astype(np.float32)
    losses = []
    for one in range(5):
        own, seen = fold == one, fold != one
        mapped = apply_map(task, calibration.METHODS[method], label[seen], prediction[seen], prediction[own])
        assert task is BINARY or mapped.sum(axis=1) == pytest.approx(1.0)
        losses.append(per_row.log_loss(task, label[own], mapped).mean())
    found = calibrate(predicted(task, label, prediction), OTHERS, 0.25)
    assert found.figures[method]["log_loss"] == pytest.approx(np.mean(losses))


def test_platt_is_a_logistic_regression_on_log_odds() -> None:
    label, prediction = binary_rows(1500, BENDS["platt"])
    odds = logit(prediction.astype(np.float64))
    expected = LogisticRegression(C=np.inf).fit(odds, label).predict_proba(odds)[:, 1]
    found = apply_map(BINARY, fit_platt, label, prediction, prediction)[:, 0]
    # Platt's targets keep off 0 and 1 by about one row of each class.
    assert found == pytest.approx(expected, abs=0.005)


def test_isotonic_equals_scikit_learn() -> None:
    label, prediction = binary_rows(1500, BENDS["isotonic"])
    expected = IsotonicRegression(out_of_bounds="clip").fit(prediction[:, 0], label).predict(prediction[:, 0])
    assert apply_map(BINARY, fit_isotonic, label, prediction, prediction)[:, 0] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("fit", [fit_platt, fit_isotonic])
def test_many_rows_are_fitted_in_groups_with_the_same_result(
    fit: calibration.Fit, monkeypatch: pytest.MonkeyPatch
) -> None:
    label, prediction = binary_rows(20_000, BENDS["platt"])
    grid = np.linspace(0.01, 0.99, 99)[:, None]
    grouped = apply_map(BINARY, fit, label, prediction, grid)
    monkeypatch.setattr(calibration, "MOST_GROUPS", 20_000)
    assert grouped == pytest.approx(apply_map(BINARY, fit, label, prediction, grid), abs=0.03)


@pytest.mark.parametrize("fit", [fit_platt, fit_isotonic])
def test_rows_that_a_class_cannot_be_fitted_on_leave_it_as_it_is(fit: calibration.Fit) -> None:
    prediction = np.array([[0.2], [0.7]])
    assert np.array_equal(apply_map(BINARY, fit, np.zeros(2), prediction, prediction), prediction)
    separable = np.repeat([[0.01], [0.99]], 50, axis=0)
    mapped = apply_map(BINARY, fit, np.repeat([0, 1], 50), separable, separable)
    assert np.isfinite(mapped).all()
    assert (mapped[:50] < 0.05).all()
    assert (mapped[50:] > 0.95).all()
    colours = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    mapped = apply_map(COLOURS, fit, np.array([2, 2]), colours, colours)
    assert mapped == pytest.approx(colours)


def test_reliability_groups_have_equal_size_and_the_interval_of_wilson() -> None:
    said = np.linspace(0, 1, 100)
    happened = (np.arange(100) % 3 == 0).astype(float)
    bins = reliability(said, happened)
    assert [one.rows for one in bins] == [10] * 10
    assert [one.said for one in bins] == pytest.approx([said[start : start + 10].mean() for start in range(0, 100, 10)])
    for one in bins:
        expected = stats.binomtest(round(one.happened * 10), 10).proportion_ci(0.95, method="wilson")
        assert (one.lower, one.upper) == pytest.approx((expected.low, expected.high))
    assert len(reliability(said[:4], happened[:4])) == 4


def test_the_calibration_error_is_the_mean_distance_from_the_diagonal() -> None:
    label, prediction = binary_rows(10_000, lambda true: np.clip(true + 0.1, 0, 1))
    assert calibration_error(reliability(prediction[:, 0], label)) == pytest.approx(0.1, abs=0.02)
    said, happened = confidence_of(COLOURS, np.array([0, 1]), np.array([[0.5, 0.3, 0.2], [0.6, 0.4, 0.0]]))
    assert (said.tolist(), happened.tolist()) == ([0.5, 0.6], [1.0, 0.0])
