"""What losses and predictions of a training must be."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from foldline.artifacts import Task
from foldline.errors import ModelCodeError, TrainingError

FIX = "Lower learning_rate, set clipnorm in fitting.optimizer, or look for extreme values in features and label."


def not_finite(
    what: str, losses: NDArray[np.float64], folds: Sequence[int], epoch: int, more: str = ""
) -> dict[int, TrainingError]:
    """For each model whose loss is not finite, by its number, what is to be said of it.

    Args:
        losses: shape (K,).
        folds: the fold of each model.
        more: goes on after the loss.
    """
    found = {}
    for index in np.flatnonzero(~np.isfinite(losses)).tolist():
        place = f"fold {folds[index]}" if folds[index] >= 0 else "all training rows"
        found[index] = TrainingError(
            f"{what} of {place} in epoch {epoch}", expected="a finite number", got=f"{losses[index]}{more}", fix=FIX
        )
    return found


def check_probabilities(task: Task, predictions: Sequence[NDArray[np.float32]]) -> None:
    """Check that the predictions of a classification, shape (n_rows, task.outputs) each, are probabilities.

    Raises:
        ModelCodeError: they are not.
    """
    if not task.is_classification or not predictions:
        return
    low, high = min(float(own.min()) for own in predictions), max(float(own.max()) for own in predictions)
    totals = [own.sum(axis=-1) for own in predictions]
    summed = task.kind == "binary" or max(float(abs(total - 1.0).max()) for total in totals) < 1e-3
    if low < 0.0 or high > 1.0 or not summed:
        most = max(float(total.max()) for total in totals)
        raise ModelCodeError(
            "output of the model",
            expected="probabilities in [0, 1]" + ("" if task.kind == "binary" else " that sum to 1 in each row"),
            got=f"values from {low:.4g} to {high:.4g}" + ("" if summed else f", sums up to {most:.4g}"),
            fix="End with activation=inputs.activation.",
        )
