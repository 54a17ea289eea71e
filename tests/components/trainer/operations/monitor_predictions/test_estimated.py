"""The estimate before labels come: right where probabilities can be calibrated, and its interval holds what comes."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import expit, logit
from sklearn.metrics import roc_auc_score

from builders.monitored import BINARY, CLASSES
from foldline.artifacts import Task
from foldline.operations.monitor_predictions.estimated import METRICS, Estimator, real

Floats = NDArray[np.float64]


def simulated(task: Task, rows: int, seed: int, *, shift: float = 0.0, off: float = 1.0) -> tuple[Floats, Floats]:
    """Labels and predictions; `shift` moves the inputs, `off` makes the predictions too bold (above 1) or too timid."""
    random = np.random.default_rng(seed)
    score = random.normal(shift, 1.2, rows)
    if task.kind == "binary":
        truth = np.column_stack([1.0 - expit(score), expit(score)])
        said = expit(off * logit(truth[:, 1:]))
    else:
        odds = np.exp(np.column_stack([score, random.normal(0.0, 1.0, rows), np.zeros(rows)]))
        truth = odds / odds.sum(axis=1, keepdims=True)
        said = truth**off / (truth**off).sum(axis=1, keepdims=True)
    label = (random.random((rows, 1)) > np.cumsum(truth, axis=1)[:, :-1]).sum(axis=1)
    return label.astype(np.float64), said


def test_what_is_expected_is_the_mean_of_what_comes() -> None:
    label, said = simulated(BINARY, 4000, 0)
    estimator = Estimator(BINARY, label, said)
    _, later = simulated(BINARY, 60, 1)
    chance = estimator.probability(later)[:, 1]
    drawn = np.random.default_rng(2).random((4000, 60)) < chance
    came = [real(BINARY, labels, later) for labels in drawn]
    for name, value in estimator.value(later).items():
        values = np.array([one[name] for one in came])
        assert abs(value - values.mean()) < 4.0 * values.std() / np.sqrt(len(values)), name


@pytest.mark.parametrize(
    ("task", "off", "shift", "windows"),
    [(BINARY, 1.0, 0.0, 25), (BINARY, 1.8, 0.7, 25), (CLASSES, 1.0, 0.0, 10)],
    ids=["calibrated", "bold, on other inputs", "three classes"],
)
def test_the_interval_holds_what_comes_as_often_as_it_says(task: Task, off: float, shift: float, windows: int) -> None:
    inside, references = dict.fromkeys(METRICS, 0), 4
    for reference in range(references):
        estimator = Estimator(task, *simulated(task, 3000, 1000 + reference, off=off), seed=reference)
        for window in range(windows):
            label, said = simulated(task, 400, 100 * reference + window, off=off, shift=shift)
            came = real(task, label, said)
            for name, one in estimator.estimate(said).items():
                inside[name] += one.lower <= came[name] <= one.upper
    total = references * windows
    # Three standard errors of a share of 95 %.
    margin = 3.0 * np.sqrt(0.95 * 0.05 / total)
    for name, count in inside.items():
        assert 0.95 - margin <= count / total <= min(1.0, 0.95 + margin), name


def test_predictions_that_are_too_bold_are_calibrated_first() -> None:
    label, said = simulated(BINARY, 20_000, 3, off=2.5)
    later_label, later = simulated(BINARY, 20_000, 4, off=2.5)
    came, found = real(BINARY, later_label, later), Estimator(BINARY, label, said).value(later)
    naive = float(-(later * np.log(later) + (1.0 - later) * np.log(1.0 - later)).mean())
    assert abs(found["log_loss"] - came["log_loss"]) < 0.02
    assert came["log_loss"] - naive > 0.2


def test_a_changed_concept_is_outside_of_the_interval() -> None:
    estimator = Estimator(BINARY, *simulated(BINARY, 5000, 5))
    label, said = simulated(BINARY, 2000, 6)
    found = estimator.estimate(said)
    assert found["roc_auc"].lower <= real(BINARY, label, said)["roc_auc"] <= found["roc_auc"].upper
    changed = real(BINARY, 1.0 - label, said)
    assert changed["roc_auc"] < found["roc_auc"].lower
    assert changed["log_loss"] > found["log_loss"].upper


@pytest.mark.parametrize("task", [BINARY, CLASSES], ids=lambda task: task.kind)
def test_real_figures_are_those_of_scikit_learn(task: Task) -> None:
    label, said = simulated(task, 500, 7)
    said = np.round(said, 1) if task is BINARY else said
    truth = label if task is BINARY else np.eye(3)[label.astype(int)]
    expected = roc_auc_score(truth, said[:, 0] if task is BINARY else said, average="macro")
    assert real(task, label, said)["roc_auc"] == pytest.approx(expected)


def test_rows_of_one_class_have_no_area() -> None:
    _, said = simulated(BINARY, 50, 8)
    assert np.isnan(real(BINARY, np.zeros(50), said)["roc_auc"])
