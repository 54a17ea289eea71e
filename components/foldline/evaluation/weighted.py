"""Metrics of the same rows under many weightings at once: each row counts a whole number of times.

What depends on the rows alone (their order by score, their losses) is found once; a weighting then costs sums and
running sums. With every row counted once the metrics are those of the rows, with other counts those of a resample.
"""

import numpy as np
from numpy.typing import NDArray

from foldline.artifacts.task import Task
from foldline.evaluation import per_row
from foldline.evaluation.per_row import Array

Counts = NDArray[np.uint8]
Floats = NDArray[np.float64]


class WeightedMetrics:
    """The metrics of `metrics.score` for rows that count several times, or not at all.

    Args:
        label: shape (n_rows,).
        prediction: shape (n_rows, task.outputs).
    """

    def __init__(self, task: Task, label: Array, prediction: Array) -> None:
        self._task = task
        if task.kind == "regression":
            truth = np.asarray(label, dtype=np.float64)
            error = np.asarray(prediction[:, 0], dtype=np.float64) - truth
            # Without rounding, so that a label of one value has a variance of exactly 0.
            centred = truth - (truth.mean() if np.ptp(truth) else truth[0])
            self._values = np.column_stack([error**2, np.abs(error), centred, centred**2])
            return
        losses = [per_row.log_loss(task, label, prediction), per_row.brier(task, label, prediction)]
        self._values = np.column_stack(losses)
        truth = np.asarray(label).astype(np.int64)
        cell = truth * len(task.classes) + per_row.predicted_class(task, prediction)
        self._by_cell = np.argsort(cell, kind="stable")
        self._cells, self._starts = np.unique(cell[self._by_cell], return_index=True)
        ranked = (1,) if task.kind == "binary" else np.unique(truth)
        self._rankings = [_Ranking(truth == index, prediction[:, index % task.outputs]) for index in ranked]

    def __call__(self, counts: Counts) -> dict[str, Floats]:
        """The metrics by name, shape (n_weightings,) each; NaN where the rows that count do not define one.

        Args:
            counts: how often each row counts; shape (n_weightings, n_rows).
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            means = counts.astype(np.float64) @ self._values / counts.sum(axis=1, dtype=np.int64)[:, None]
            if self._task.kind == "regression":
                squared, absolute, centre, square = means.T
                variance = square - centre**2
                explained = np.where(variance > 0.0, 1.0 - squared / variance, np.where(squared > 0.0, 0.0, 1.0))
                return {"rmse": np.sqrt(squared), "mae": absolute, "r2": explained}
            ranked = np.stack([ranking(counts) for ranking in self._rankings])
            # A class that no row counts for has no curve, and is left out of the mean.
            defined = ~np.isnan(ranked)
            area, precision = np.where(defined, ranked, 0.0).sum(axis=0) / defined.sum(axis=0)
            losses = {"log_loss": means[:, 0], "brier": means[:, 1]}
            named = of_confusion(self._task, self._confusion(counts))
        return {"roc_auc": area, "average_precision": precision, **losses, **named}

    def _confusion(self, counts: Counts) -> Floats:
        classes = len(self._task.classes)
        matrix = np.zeros((len(counts), classes * classes))
        ordered = np.take(counts, self._by_cell, axis=1)
        matrix[:, self._cells] = np.add.reduceat(ordered, self._starts, axis=1, dtype=np.int64)
        return matrix.reshape(-1, classes, classes)


def of_confusion(task: Task, matrix: Floats) -> dict[str, Floats]:
    """The metrics that a confusion matrix determines, shape (n_matrices,) each, as scikit-learn defines them.

    Precision, recall and F1 are those of the positive class, or the mean over all classes that have rows or are named
    (`macro`); one whose denominator is 0 counts as 0. Balanced accuracy is the mean recall of the classes that have
    rows.

    Args:
        matrix: counts by true class (axis 1) and predicted class (axis 2); shape (n_matrices, n_classes, n_classes).
    """
    hits = np.diagonal(matrix, axis1=1, axis2=2)
    total, true, named = matrix.sum(axis=(1, 2)), matrix.sum(axis=2), matrix.sum(axis=1)
    agreed, chance = hits.sum(axis=1), (true * named).sum(axis=1) / total
    recall = hits / np.maximum(true, 1.0)
    each = (hits / np.maximum(named, 1.0), recall, 2.0 * hits / np.maximum(true + named, 1.0))
    if task.kind == "binary":
        precision, found, f1 = (values[:, 1] for values in each)
    else:
        concerned = (true + named > 0).sum(axis=1)
        precision, found, f1 = (values.sum(axis=1) / concerned for values in each)
    return {
        "accuracy": agreed / total,
        "balanced_accuracy": recall.sum(axis=1) / (true > 0).sum(axis=1),
        "precision": precision,
        "recall": found,
        "f1": f1,
        "kappa": 1.0 - (total - agreed) / (total - chance),
    }


class _Ranking:
    """Rows by falling score: for each positive row, the positive and negative rows that are called before it is."""

    def __init__(self, positive: NDArray[np.bool_], score: Array) -> None:
        order = np.argsort(-score, kind="stable")
        self._positive, self._negative = order[positive[order]], order[~positive[order]]
        of_positives, of_negatives = -score[self._positive], -score[self._negative]
        self._above = np.searchsorted(of_negatives, of_positives, side="left")
        self._not_below = np.searchsorted(of_negatives, of_positives, side="right")
        self._reached = np.searchsorted(of_positives, of_positives, side="right")

    def __call__(self, counts: Counts) -> Floats:
        """Area under the ROC curve, where ties count one half, and average precision; shape (2, n_weightings)."""
        own = np.take(counts, self._positive, axis=1)
        positives, negatives = _running(own), _running(np.take(counts, self._negative, axis=1))
        false = np.take(negatives, self._not_below, axis=1)
        lost = np.einsum("ij,ij->i", own, np.take(negatives, self._above, axis=1) + false, dtype=np.float64) / 2.0
        true = np.take(positives, self._reached, axis=1)
        precision = np.einsum("ij,ij->i", own, true / np.maximum(true + false, 1))
        return np.stack([1.0 - lost / positives[:, -1] / negatives[:, -1], precision / positives[:, -1]])


def _running(counts: Counts) -> NDArray[np.int32]:
    """Running sums with 0 before them; shape (n_weightings, n + 1)."""
    sums = np.cumsum(counts, axis=1, dtype=np.int32)
    return np.concatenate([np.zeros_like(sums[:, :1]), sums], axis=1)
