"""What a prediction says of its own row: the class that it names and what it loses."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from foldline.artifacts.task import Task

Array = NDArray[Any]

# Probabilities are float32: one of exactly 0 or 1 stands for anything closer than this, as in scikit-learn's log loss.
SMALLEST_PROBABILITY = float(np.finfo(np.float32).eps)


def predicted_class(task: Task, prediction: Array, threshold: float = 0.5) -> NDArray[np.int64]:
    """Index of the class that each row's probabilities name; shape (n_rows,).

    Args:
        threshold: of two classes the positive one is named by a probability above it.
    """
    if task.kind == "binary":
        return (np.asarray(prediction)[:, 0] > threshold).astype(np.int64)
    chosen: NDArray[np.int64] = np.asarray(prediction).argmax(axis=1)
    return chosen


def log_loss(task: Task, label: Array, prediction: Array) -> NDArray[np.float64]:
    """Minus the logarithm of the probability given to each row's own class; shape (n_rows,)."""
    probability = np.asarray(prediction, dtype=np.float64)
    truth = np.asarray(label).astype(np.int64)
    if task.kind == "binary":
        own = np.where(truth == 1, probability[:, 0], 1.0 - probability[:, 0])
    else:
        own = probability[np.arange(len(truth)), truth]
    loss: NDArray[np.float64] = -np.log(np.clip(own, SMALLEST_PROBABILITY, 1.0 - SMALLEST_PROBABILITY))
    return loss


def brier(task: Task, label: Array, prediction: Array) -> NDArray[np.float64]:
    """Squared error of the probabilities of each row; shape (n_rows,).

    Binary: of the positive class, in [0, 1]. Multiclass: the sum over classes, in [0, 2] (Brier, "Verification of
    forecasts expressed in terms of probability", Monthly Weather Review 78, 1950).
    """
    probability = np.asarray(prediction, dtype=np.float64)
    truth = np.asarray(label).astype(np.int64)
    if task.kind == "binary":
        squared: NDArray[np.float64] = (probability[:, 0] - truth) ** 2
        return squared
    own = probability[np.arange(len(truth)), truth]
    total: NDArray[np.float64] = (probability**2).sum(axis=1) - 2.0 * own + 1.0
    return total
