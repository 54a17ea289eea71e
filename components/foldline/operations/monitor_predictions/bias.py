"""Prediction bias: what was predicted against what happened."""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from foldline.artifacts import Task
from foldline.evaluation.per_row import Array
from foldline.operations.monitor_predictions.natural import Floats

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Bias:
    """Of one class, or of a value.

    Attributes:
        predicted, observed: share of the class, or mean of the value.
        lower, upper: interval of `predicted - observed`, of all classes at once at the stated confidence.
    """

    name: str
    predicted: float
    observed: float
    lower: float
    upper: float

    @property
    def difference(self) -> float:
        return self.predicted - self.observed


def differences(task: Task, label: Array, prediction: Array) -> tuple[list[str], Floats, Floats]:
    """Names, predictions and truth whose means are compared; shape (n_rows, n_names) each.

    Of two classes the positive one is enough, since the other mirrors it.
    """
    said = np.asarray(prediction, dtype=np.float64)
    if task.kind == "multiclass":
        return list(task.classes), said, np.eye(task.outputs)[np.asarray(label).astype(np.int64)]
    name = task.classes[1] if task.classes else "value"
    return [name], said, np.asarray(label, dtype=np.float64)[:, None]


def bias(task: Task, label: Array, prediction: Array, confidence: float = CONFIDENCE) -> list[Bias]:
    """The bias of each class, or of the value.

    The interval is that of the mean of paired differences (normal), rows taken as independent; of several classes with
    Bonferroni's correction, so that all of them hold at once. Estimand: the bias on other rows of the same kind.

    Args:
        label: shape (n_rows,), at least two rows.
        prediction: shape (n_rows, task.outputs).
    """
    names, said, truth = differences(task, label, prediction)
    off = said - truth
    z = NormalDist().inv_cdf(1.0 - (1.0 - confidence) / 2.0 / len(names))
    mean, margin = off.mean(axis=0), z * off.std(axis=0, ddof=1) / np.sqrt(len(off))
    return [
        Bias(name, float(said[:, place].mean()), float(truth[:, place].mean()), float(low), float(high))
        for place, (name, low, high) in enumerate(zip(names, mean - margin, mean + margin, strict=True))
    ]
