"""Metrics equal scikit-learn's."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from foldline.artifacts import Task
from foldline.errors import DataError
from foldline.evaluation import metrics

BINARY = Task("binary", ("no", "yes"))
COLOURS = Task("multiclass", ("blue", "green", "red"))
REGRESSION = Task("regression")


@st.composite
def binary_rows(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Labels of both classes and probabilities on a coarse grid, so that ties and exact 0 and 1 are common."""
    rows = draw(st.integers(2, 60))
    label = np.array(draw(st.lists(st.integers(0, 1), min_size=rows, max_size=rows)), dtype=np.float32)
    label[:2] = 0, 1
    grid = draw(st.lists(st.integers(0, 8), min_size=rows, max_size=rows))
    return label, (np.array(grid, dtype=np.float32) / 8)[:, None]


@settings(max_examples=100, deadline=None)
@given(binary_rows())
def test_binary_metrics_equal_scikit_learn_with_ties(rows: tuple[np.ndarray, np.ndarray]) -> None:
    label, prediction = rows
    flat = prediction[:, 0]
    assert metrics.score(BINARY, label, prediction) == pytest.approx(
        {
            "roc_auc": sk.roc_auc_score(label, flat),
            "average_precision": sk.average_precision_score(label, flat),
            "log_loss": sk.log_loss(label, flat),
            "brier": sk.brier_score_loss(label, flat),
            "accuracy": sk.accuracy_score(label, flat > 0.5),
        },
        rel=1e-5,
        abs=1e-6,
    )
    assert metrics.confusion(BINARY, label, prediction) == sk.confusion_matrix(label, flat > 0.5).tolist()


@pytest.mark.parametrize("seed", range(5))
def test_multiclass_metrics_equal_scikit_learn(seed: int) -> None:
    random = np.random.default_rng(seed)
    label = random.integers(0, 3, 80).astype(np.float32)
    prediction = random.dirichlet([1, 1, 1], 80).round(1).astype(np.float32)
    prediction /= prediction.sum(axis=1, keepdims=True)
    chosen = prediction.argmax(axis=1)
    assert metrics.score(COLOURS, label, prediction) == pytest.approx(
        {
            "accuracy": sk.accuracy_score(label, chosen),
            "balanced_accuracy": sk.balanced_accuracy_score(label, chosen),
            "log_loss": sk.log_loss(label, prediction),
            "roc_auc": sk.roc_auc_score(label, prediction, multi_class="ovr", average="macro"),
        },
        rel=1e-5,
    )
    assert metrics.confusion(COLOURS, label, prediction) == sk.confusion_matrix(label, chosen).tolist()


def test_regression_metrics_equal_scikit_learn() -> None:
    random = np.random.default_rng(1)
    label = random.normal(5, 2, 50).astype(np.float32)
    prediction = (label + random.normal(0, 1, 50)).astype(np.float32)[:, None]
    assert metrics.score(REGRESSION, label, prediction) == pytest.approx(
        {
            "rmse": math.sqrt(sk.mean_squared_error(label, prediction)),
            "mae": sk.mean_absolute_error(label, prediction),
            "r2": sk.r2_score(label, prediction),
        }
    )


def test_a_class_without_rows_is_left_out_of_the_mean_over_classes() -> None:
    label = np.array([0, 0, 2, 2], dtype=np.float32)
    prediction = np.array([[0.8, 0.1, 0.1], [0.1, 0.7, 0.2], [0.2, 0.2, 0.6], [0.3, 0.3, 0.4]], dtype=np.float32)
    scored = metrics.score(COLOURS, label, prediction)
    assert scored["balanced_accuracy"] == pytest.approx((0.5 + 1.0) / 2)
    assert scored["roc_auc"] == pytest.approx((0.5 + 1.0) / 2)


@pytest.mark.parametrize(
    ("task", "label", "prediction", "said"),
    [
        (BINARY, [1, 1, 1], [[0.1], [0.2], [0.3]], "without any of class 'no'"),
        (BINARY, [0, 0, 0], [[0.1], [0.2], [0.3]], "without any of class 'yes'"),
        (COLOURS, [1, 1], [[0.2, 0.3, 0.5]] * 2, "without any of class 'blue', 'red'"),
        (BINARY, [0, 1, 1], [[0.1], [math.nan], [math.inf]], "2 of 3 rows with NaN or infinity"),
        (REGRESSION, [1.0], [[1.0]], "at least 2, got 1"),
        (COLOURS, [0, 1], [[0.2], [0.3]], r"shape \(2, 3\), got shape \(2, 1\)"),
    ],
)
def test_predictions_that_cannot_be_scored_are_one_clear_error(
    task: Task, label: list[float], prediction: list[list[float]], said: str
) -> None:
    with pytest.raises(DataError, match=said):
        metrics.score(task, np.array(label, dtype=np.float32), np.array(prediction, dtype=np.float32))


@pytest.mark.parametrize(("rows", "at_most"), [(10, 200), (5000, 200), (5000, 20)])
def test_the_roc_curve_is_finite_short_and_has_the_area_of_the_score(rows: int, at_most: int) -> None:
    random = np.random.default_rng(rows)
    label = np.arange(rows) % 2
    prediction = (1 / (1 + np.exp(-random.normal(label, 1)))).astype(np.float32)[:, None]
    false_rate, true_rate, threshold = metrics.roc_points(label, prediction, at_most)
    assert len(false_rate) == len(true_rate) == len(threshold) <= at_most
    json.dumps([false_rate.tolist(), true_rate.tolist(), threshold.tolist()], allow_nan=False)
    assert (false_rate[0], true_rate[0], false_rate[-1], true_rate[-1]) == (0, 0, 1, 1)
    assert (np.diff(threshold) < 0).all()
    assert threshold[0] > prediction.max()
    assert sk.auc(false_rate, true_rate) == pytest.approx(sk.roc_auc_score(label, prediction), abs=2 / at_most)


@pytest.mark.parametrize(
    ("task", "name", "larger"),
    [(BINARY, "roc_auc", True), (COLOURS, "log_loss", False), (REGRESSION, "rmse", False)],
)
def test_the_primary_metric_says_which_way_is_better(task: Task, name: str, larger: bool) -> None:
    assert metrics.primary_metric(task) == metrics.PrimaryMetric(name, larger)
