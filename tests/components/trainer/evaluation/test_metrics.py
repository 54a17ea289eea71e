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
from foldline.evaluation.weighted import WeightedMetrics

BINARY = Task("binary", ("no", "yes"))
COLOURS = Task("multiclass", ("blue", "green", "red"))
REGRESSION = Task("regression")


BLOCKS = ([0] * 8 + [1] * 8, [0.2] * 4 + [0.9] * 12)


def of_scikit_learn(task: Task, label: np.ndarray, prediction: np.ndarray, weight: np.ndarray) -> dict[str, float]:
    """Every metric of a classification, of rows with weights."""
    given = {"sample_weight": weight}
    if task.kind == "binary":
        said, chosen = prediction[:, 0], prediction[:, 0] > 0.5
        average, curve = {}, {}
    else:
        said, chosen = prediction, prediction.argmax(axis=1)
        average, curve = {"average": "macro"}, {"multi_class": "ovr"}
    return {
        "roc_auc": sk.roc_auc_score(label, said, **curve, **given),
        "average_precision": sk.average_precision_score(label, said, **given),
        "log_loss": sk.log_loss(label, said, **given),
        "brier": sk.brier_score_loss(label, said, **given),
        "accuracy": sk.accuracy_score(label, chosen, **given),
        "balanced_accuracy": sk.balanced_accuracy_score(label, chosen, **given),
        "precision": sk.precision_score(label, chosen, zero_division=0, **average, **given),
        "recall": sk.recall_score(label, chosen, **average, **given),
        "f1": sk.f1_score(label, chosen, zero_division=0, **average, **given),
        "kappa": sk.cohen_kappa_score(label, chosen, **given),
    }


@st.composite
def classified_rows(draw: st.DrawFn) -> tuple[Task, np.ndarray, np.ndarray, np.ndarray]:
    """Task, labels of all classes, probabilities on a coarse grid (so that ties, 0 and 1 are common), and counts."""
    task = draw(st.sampled_from([BINARY, COLOURS]))
    classes = len(task.classes)
    rows = draw(st.integers(classes, 60))
    label = np.array(draw(st.lists(st.integers(0, classes - 1), min_size=rows, max_size=rows)), dtype=np.float32)
    label[:classes] = range(classes)
    grid = st.lists(st.integers(0, 8), min_size=rows, max_size=rows)
    prediction = np.array([draw(grid) for _ in range(task.outputs)], dtype=np.float64).T
    prediction = (
        prediction / 8 if classes == 2 else (prediction + 1e-9) / (prediction + 1e-9).sum(axis=1, keepdims=True)
    )
    counts = np.array(draw(st.lists(st.integers(0, 4), min_size=rows, max_size=rows)), dtype=np.uint8)
    counts[:classes] = 1
    return task, label, prediction.astype(np.float32), counts


@settings(max_examples=60, deadline=None)
@given(classified_rows())
def test_metrics_of_a_classification_equal_scikit_learn(
    rows: tuple[Task, np.ndarray, np.ndarray, np.ndarray],
) -> None:
    task, label, prediction, _ = rows
    expected = of_scikit_learn(task, label, prediction, np.ones(len(label)))
    assert metrics.score(task, label, prediction) == pytest.approx(expected, rel=1e-5, abs=1e-6)
    chosen = prediction[:, 0] > 0.5 if task is BINARY else prediction.argmax(axis=1)
    assert metrics.confusion(task, label, prediction) == sk.confusion_matrix(label, chosen).tolist()


@settings(max_examples=60, deadline=None)
@given(classified_rows())
def test_metrics_of_rows_that_count_several_times_equal_scikit_learn(
    rows: tuple[Task, np.ndarray, np.ndarray, np.ndarray],
) -> None:
    task, label, prediction, counts = rows
    found = WeightedMetrics(task, label, prediction)(np.stack([counts, np.ones_like(counts)]))
    expected = of_scikit_learn(task, label, prediction, counts)
    assert {name: values[0] for name, values in found.items()} == pytest.approx(expected, rel=1e-5, abs=1e-6)
    once = metrics.score(task, label, prediction)
    assert {name: values[1] for name, values in found.items()} == pytest.approx(once)


@pytest.mark.parametrize(
    ("label", "prediction"),
    [([0, 1], [0.1, 0.2]), ([0, 1], [0.9, 0.8]), ([0, 1, 1], [0.2, 0.7, 0.9]), ([0, 1, 1, 0], [0.5] * 4), BLOCKS],
    ids=["none-named", "all-named-and-wrongly-ordered", "perfect", "constant-at-the-half", "blocks-of-ties"],
)
def test_metrics_at_the_edges_equal_scikit_learn(label: list[int], prediction: list[float]) -> None:
    truth, said = np.array(label, dtype=np.float32), np.array(prediction, dtype=np.float32)[:, None]
    expected = of_scikit_learn(BINARY, truth, said, np.ones(len(truth)))
    assert metrics.score(BINARY, truth, said) == pytest.approx(expected, rel=1e-5, abs=1e-6)


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


def test_regression_metrics_of_rows_that_count_several_times_equal_scikit_learn() -> None:
    random = np.random.default_rng(2)
    label, counts = random.normal(1e4, 2, 50), random.integers(0, 4, (3, 50)).astype(np.uint8)
    prediction = label[:, None] + random.normal(0, 1, (50, 1))
    found = WeightedMetrics(REGRESSION, label, prediction)(counts)
    for index, weight in enumerate(counts):
        assert {name: values[index] for name, values in found.items()} == pytest.approx(
            {
                "rmse": sk.root_mean_squared_error(label, prediction, sample_weight=weight),
                "mae": sk.mean_absolute_error(label, prediction, sample_weight=weight),
                "r2": sk.r2_score(label, prediction, sample_weight=weight),
            }
        )


@pytest.mark.parametrize("prediction", [[0.5] * 7, [0.1, 0.2, 0.3] + [0.5] * 4])
def test_the_r2_of_a_label_of_one_value_equals_scikit_learn(prediction: list[float]) -> None:
    label, said = np.full(7, 0.5, dtype=np.float32), np.array(prediction, dtype=np.float32)[:, None]
    assert metrics.score(REGRESSION, label, said)["r2"] == sk.r2_score(label, said)


def test_a_class_without_rows_is_left_out_of_the_mean_over_classes_that_have_rows() -> None:
    label = np.array([0, 0, 2, 2], dtype=np.float32)
    prediction = np.array([[0.8, 0.1, 0.1], [0.1, 0.7, 0.2], [0.2, 0.2, 0.6], [0.3, 0.3, 0.4]], dtype=np.float32)
    scored = metrics.score(COLOURS, label, prediction)
    assert scored["balanced_accuracy"] == pytest.approx((0.5 + 1.0) / 2)
    assert scored["roc_auc"] == pytest.approx((0.5 + 1.0) / 2)
    assert scored["average_precision"] == pytest.approx(((1.0 + 2 / 4) / 2 + 1.0) / 2)
    chosen = prediction.argmax(axis=1)
    for name, of in (("precision", sk.precision_score), ("recall", sk.recall_score), ("f1", sk.f1_score)):
        assert scored[name] == pytest.approx(of(label, chosen, average="macro", zero_division=0))
    assert scored["kappa"] == pytest.approx(sk.cohen_kappa_score(label, chosen))
    assert scored["brier"] == pytest.approx(sk.brier_score_loss(label, prediction, labels=[0, 1, 2]))


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
