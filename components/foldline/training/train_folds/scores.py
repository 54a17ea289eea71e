"""Metrics of each fold, their mean and its standard error."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from foldline.artifacts import Task
from foldline.errors import DataError, TrainingError
from foldline.evaluation import metrics


@contextmanager
def _fold_named(fold: int) -> Iterator[None]:
    try:
        yield
    except DataError as fault:
        raise TrainingError(
            f"fold {fold}, {fault.what}", expected=fault.expected, got=fault.got, fix=fault.fix
        ) from fault


def check_folds(task: Task, folds: Sequence[int], labels: Sequence[NDArray[np.float32]]) -> None:
    """Check that the rows of each fold can be scored: before it is trained, not after.

    Raises:
        TrainingError: a fold's rows cannot be scored; names the fold.
    """
    for fold, label in zip(folds, labels, strict=True):
        with _fold_named(fold):
            metrics.check_rows(task, label)


def score_folds(
    task: Task,
    folds: Sequence[int],
    labels: Sequence[NDArray[np.float32]],
    predictions: Sequence[NDArray[np.float32]],
) -> list[dict[str, float]]:
    """Metrics of each fold on its own out-of-fold rows.

    Raises:
        TrainingError: a fold's rows cannot be scored; names the fold.
    """
    scores = []
    for fold, label, prediction in zip(folds, labels, predictions, strict=True):
        with _fold_named(fold):
            scores.append(metrics.score(task, label, prediction))
    return scores


def mean_and_standard_error(scores: Sequence[dict[str, float]]) -> dict[str, float]:
    """The mean of each metric over folds as `<name>`, and sd / sqrt(K) as `<name>_standard_error`, which one fold alone
    does not have."""
    summary = {}
    for name in scores[0]:
        values = np.array([score[name] for score in scores])
        summary[name] = float(values.mean())
        if len(values) > 1:
            summary[f"{name}_standard_error"] = float(values.std(ddof=1) / np.sqrt(len(values)))
    return summary
