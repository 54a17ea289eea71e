"""Metrics of predictions, as scikit-learn defines them."""

from dataclasses import dataclass

import numpy as np
from sklearn import metrics as sk

from foldline.artifacts.task import Task
from foldline.errors import DataError
from foldline.evaluation.per_row import Array, predicted_class
from foldline.evaluation.weighted import WeightedMetrics

# The least and the largest value of a metric, where these are not 0 and 1.
RANGES = {
    "kappa": (-1.0, 1.0),
    "brier": (0.0, 2.0),
    "r2": (-np.inf, 1.0),
    "log_loss": (0.0, np.inf),
    "rmse": (0.0, np.inf),
    "mae": (0.0, np.inf),
}


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
    """Metrics of the predictions of some rows, equal to scikit-learn's.

    Binary: `roc_auc`, `average_precision` (area under the curve of precision and recall), `log_loss`, `brier`; and of
    the class that a probability above 0.5 names `accuracy`, `balanced_accuracy`, `precision`, `recall`, `f1`, `kappa`.
    Multiclass: the same. Areas are those of one class against the rest, mean of the classes that have rows; `brier` is
    a sum over classes; precision, recall and F1 are the mean of the classes that have rows or are named (`macro`).
    Precision, recall or F1 with a denominator of 0 is 0. Regression: `rmse`, `mae`, `r2` (of a label of one value 0, or
    1 where nothing is lost).

    Args:
        label: shape (n_rows,): index of the class, or the value.
        prediction: shape (n_rows, task.outputs): probabilities, or the value.

    Raises:
        DataError: the predictions are not finite, there are fewer than two rows, or all rows are of one class.
    """
    _check(task, label, prediction)
    once = np.ones((1, len(label)), dtype=np.uint8)
    return {name: float(value[0]) for name, value in WeightedMetrics(task, label, prediction)(once).items()}


def within_range(name: str, *values: float) -> tuple[float, ...]:
    """Ends of an interval of the metric `name`, brought to the nearest value that it can have."""
    return tuple(float(value) for value in np.clip(values, *RANGES.get(name, (0.0, 1.0))))


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


def _check(task: Task, label: Array, prediction: Array) -> None:
    if prediction.shape != (len(label), task.outputs):
        raise DataError("predictions", expected=f"shape {(len(label), task.outputs)}", got=f"shape {prediction.shape}")
    check_rows(task, label)
    wrong = int((~np.isfinite(prediction).all(axis=1)).sum())
    if wrong:
        raise DataError(
            "predictions", expected="finite numbers", got=f"{wrong} of {len(label)} rows with NaN or infinity"
        )


def check_rows(task: Task, label: Array) -> None:
    """Check that rows with these labels can be scored, whatever is predicted.

    Raises:
        DataError: there are fewer than two, or all are of one class.
    """
    if len(label) < 2:
        raise DataError("rows to score", expected="at least 2", got=str(len(label)))
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
