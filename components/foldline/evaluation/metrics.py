"""Metrics of predictions, as scikit-learn defines them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import metrics as sk

from foldline.artifacts.task import Task
from foldline.errors import DataError

Array = NDArray[Any]

# Probabilities are float32: one of exactly 0 or 1 stands for anything closer than this, as in scikit-learn's log loss.
SMALLEST_PROBABILITY = float(np.finfo(np.float32).eps)


@dataclass(frozen=True)
class PrimaryMetric:
    """The metric by which models of a task are chosen: its name in `score`, and whether larger is better."""

    name: str
    larger_is_better: bool


def primary_metric(task: Task) -> PrimaryMetric:
    """`roc_auc` (binary), `log_loss` (multiclass) or `rmse` (regression)."""
    return {
        "binary": PrimaryMetric("roc_auc", larger_is_better=True),
        "multiclass": PrimaryMetric("log_loss", larger_is_better=False),
        "regression": PrimaryMetric("rmse", larger_is_better=False),
    }[task.kind]


def score(task: Task, label: Array, prediction: Array) -> dict[str, float]:
    """Metrics of the predictions of some rows.

    Binary: `roc_auc`, `average_precision`, `log_loss`, `brier`, `accuracy` (a probability above 0.5 is the positive
    class). Multiclass: `accuracy`, `balanced_accuracy`, `log_loss`, `roc_auc` (one class against the rest, mean of the
    classes that have rows). Regression: `rmse`, `mae`, `r2`.

    Args:
        label: shape (n_rows,): index of the class, or the value.
        prediction: shape (n_rows, task.outputs): probabilities, or the value.

    Raises:
        DataError: the predictions are not finite, there are fewer than two rows, or all rows are of one class.
    """
    _check(task, label, prediction)
    if task.kind == "regression":
        return _regression(np.asarray(label, dtype=np.float64), np.asarray(prediction[:, 0], dtype=np.float64))
    truth = np.asarray(label).astype(np.int64)
    probability = np.asarray(prediction, dtype=np.float64)
    chosen = predicted_class(task, prediction)
    loss = float(row_log_loss(task, label, prediction).mean())
    if task.kind == "binary":
        positive = probability[:, 0]
        return {
            "roc_auc": float(sk.roc_auc_score(truth, positive)),
            "average_precision": float(sk.average_precision_score(truth, positive)),
            "log_loss": loss,
            "brier": float(np.mean((positive - truth) ** 2)),
            "accuracy": float(np.mean(chosen == truth)),
        }
    present = np.unique(truth)
    return {
        "accuracy": float(np.mean(chosen == truth)),
        "balanced_accuracy": float(np.mean([np.mean(chosen[truth == index] == index) for index in present])),
        "log_loss": loss,
        "roc_auc": float(np.mean([sk.roc_auc_score(truth == index, probability[:, index]) for index in present])),
    }


def predicted_class(task: Task, prediction: Array) -> NDArray[np.int64]:
    """Index of the class that each row's probabilities name; shape (n_rows,)."""
    if task.kind == "binary":
        return (np.asarray(prediction)[:, 0] > 0.5).astype(np.int64)
    chosen: NDArray[np.int64] = np.asarray(prediction).argmax(axis=1)
    return chosen


def row_log_loss(task: Task, label: Array, prediction: Array) -> NDArray[np.float64]:
    """Minus the logarithm of the probability given to each row's own class; shape (n_rows,)."""
    probability = np.asarray(prediction, dtype=np.float64)
    truth = np.asarray(label).astype(np.int64)
    if task.kind == "binary":
        own = np.where(truth == 1, probability[:, 0], 1.0 - probability[:, 0])
    else:
        own = probability[np.arange(len(truth)), truth]
    loss: NDArray[np.float64] = -np.log(np.clip(own, SMALLEST_PROBABILITY, 1.0 - SMALLEST_PROBABILITY))
    return loss


def roc_points(label: Array, prediction: Array, at_most: int = 200) -> tuple[Array, Array, Array]:
    """The ROC curve of a binary task.

    Args:
        label: shape (n_rows,): 0 or 1.
        prediction: shape (n_rows,) or (n_rows, 1): probability of class 1.
        at_most: number of points; a longer curve is thinned evenly along its length, its ends are kept.

    Returns:
        False and true positive rate, increasing, and threshold, decreasing: all finite. The first threshold is the next
        float above the largest prediction, where no row is called positive.
    """
    flat = np.asarray(prediction, dtype=np.float64).ravel()
    false_rate, true_rate, threshold = sk.roc_curve(np.asarray(label).astype(np.int64), flat)
    threshold[0] = np.nextafter(flat.max(), np.inf)
    if len(false_rate) > at_most:
        length = false_rate + true_rate
        chosen = np.unique(np.searchsorted(length, np.linspace(0.0, length[-1], at_most)))
        false_rate, true_rate, threshold = false_rate[chosen], true_rate[chosen], threshold[chosen]
    return false_rate, true_rate, threshold


def confusion(task: Task, label: Array, prediction: Array) -> list[list[int]]:
    """Rows of a classification counted by class: a list for each true class, a number in it for each predicted one."""
    truth = np.asarray(label).astype(np.int64)
    counts = np.zeros((len(task.classes), len(task.classes)), dtype=np.int64)
    np.add.at(counts, (truth, predicted_class(task, prediction)), 1)
    return [[int(value) for value in row] for row in counts]


def _regression(label: Array, prediction: Array) -> dict[str, float]:
    return {
        "rmse": float(sk.root_mean_squared_error(label, prediction)),
        "mae": float(sk.mean_absolute_error(label, prediction)),
        "r2": float(sk.r2_score(label, prediction)),
    }


def _check(task: Task, label: Array, prediction: Array) -> None:
    if prediction.shape != (len(label), task.outputs):
        raise DataError("predictions", expected=f"shape {(len(label), task.outputs)}", got=f"shape {prediction.shape}")
    if len(label) < 2:
        raise DataError("rows to score", expected="at least 2", got=str(len(label)))
    wrong = int((~np.isfinite(prediction).all(axis=1)).sum())
    if wrong:
        raise DataError(
            "predictions", expected="finite numbers", got=f"{wrong} of {len(label)} rows with NaN or infinity"
        )
    if task.is_classification:
        present = {int(index) for index in np.unique(label)}
        if len(present) < 2:
            missing = [name for index, name in enumerate(task.classes) if index not in present]
            raise DataError(
                "rows to score",
                expected="rows of at least two classes",
                got=f"{len(label)} rows without any of class {', '.join(map(repr, missing))}",
                fix="Use stratified folds, fewer folds or more rows.",
            )
