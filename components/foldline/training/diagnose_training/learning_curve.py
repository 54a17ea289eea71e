"""The learning curve of a model over the number of training rows, and its errors on rows it has and has not seen."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from foldline.artifacts import Task
from foldline.evaluation.metrics import score
from foldline.training.diagnose_training.power_law import Array, Doubling, doubling
from foldline.training.diagnose_training.sizes import shares_of, with_seen_rows, with_shares
from foldline.training.fit import choose_batch_size
from foldline.training.fitting.rows import Rows
from foldline.training.linear_start import best_linear_start
from foldline.training.preparation import Preparation

Metrics = dict[str, float]


@dataclass(frozen=True)
class LearningCurve:
    """What the training of the folds at all sizes gave.

    Attributes:
        metric: the error that the curve is of: `log_loss` or `rmse`.
        rows: shape (n_sizes,): mean training rows of a fold.
        scores: for each size the metrics of each fold on its own rows, at the epoch that is kept.
        epochs: the epoch that is kept at each size.
        seen: metrics of each fold of the largest size on rows that it was trained on, at the same epoch.
        constant: metrics of each fold for the shares of the classes, or the mean, of its training rows.
        curves: error of the largest size by epoch, `training` and `validation`, mean over folds.
        first_epoch: the epoch with which `curves` begin: 0 where there was a linear start, else 1.
        converged: whether some epoch after the best one was tried at the largest size.
        doubling: what twice the rows would gain.
    """

    metric: str
    rows: Array
    scores: list[list[Metrics]]
    epochs: list[int]
    seen: list[Metrics]
    constant: list[Metrics]
    curves: dict[str, list[float]]
    first_epoch: int
    converged: bool
    doubling: Doubling

    def errors(self) -> Array:
        """Shape (n_folds, n_sizes)."""
        return np.array([[own[self.metric] for own in size] for size in self.scores]).T


def error_metric(task: Task) -> str:
    """The error whose fall is looked at: `log_loss`, or `rmse` for a regression."""
    return "log_loss" if task.is_classification else "rmse"


def learning_curve(
    prepared: Preparation, *, epochs: int, test_ratio: float, say: Callable[[str], None] = print
) -> LearningCurve:
    """Train the folds at every size as `train_folds` would train so many rows: its batches, its epoch.

    Args:
        epochs: those that the largest size is trained for.
        test_ratio: scored rows over training rows of a fold.

    Raises:
        DataError: a fold has too few rows.
        TrainingError: a fold cannot be trained or scored.
    """
    rows, task, seed = prepared.rows, prepared.task, prepared.parameters.seed
    metric = error_metric(task)
    sizes = with_shares(rows, task, shares_of(min(len(own) for own in rows.training)), seed)
    scores, kept = [], []
    for size in sizes[:-1]:
        fitted = _with_rows(prepared, size).train(lambda line: None)
        scores.append(_scores(prepared, size, fitted.predictions))
        kept.append(fitted.epochs)
        say(_said(size, metric, scores[-1]))
    folds = len(rows.folds)
    both = with_seen_rows(sizes[-1], seed)
    largest = _with_rows(prepared, both)
    # All its epochs are looked at, so none of them ends the training.
    parameters = replace(prepared.parameters, epochs=epochs, patience=epochs)
    fitted = replace(largest, parameters=parameters).train(lambda line: None, each_epoch=True)
    every = [_scores(prepared, both, predictions) for predictions in fitted.each_epoch]
    best = int(np.array(fitted.validation_loss)[:, :folds].mean(axis=1).argmin())
    first = 0 if largest.start else 1
    scores.append(every[best][:folds])
    kept.append(best + first)
    say(_said(sizes[-1], metric, scores[-1]))
    counts = np.array([np.mean([len(own) for own in size.training]) for size in sizes])
    errors = np.array([[own[metric] for own in size] for size in scores]).T
    return LearningCurve(
        metric=metric,
        rows=counts,
        scores=scores,
        epochs=kept,
        seen=every[best][folds:],
        constant=_constant(prepared),
        curves={
            name: [float(np.mean([own[metric] for own in epoch[part]])) for epoch in every]
            for name, part in (("training", slice(folds, None)), ("validation", slice(folds)))
        },
        first_epoch=first,
        converged=best < len(every) - 1,
        doubling=doubling(counts, errors, test_ratio, seed),
    )


def _with_rows(prepared: Preparation, rows: Rows) -> Preparation:
    """The same training with other rows, with the batches and the linear start that it would have with them."""
    smallest = min(len(own) for own in rows.training)
    size = min(prepared.parameters.batch_size or choose_batch_size(smallest), smallest)
    layout = prepared.table.transform.layout
    start = best_linear_start(rows, layout, prepared.task) if prepared.start else None
    return replace(prepared, rows=rows, batch_size=size, start=start)


def _scores(prepared: Preparation, rows: Rows, predictions: Sequence[NDArray[np.float32]]) -> list[Metrics]:
    """Metrics of each model on the rows that it was applied to, in the label's own units."""
    found = []
    for number, own, prediction in zip(rows.folds, rows.validation, predictions, strict=True):
        scale = prepared.scales[prepared.folds.index(number)]
        mean, sd = np.float32(scale.mean), np.float32(scale.sd)
        found.append(score(prepared.task, rows.label[own] * sd + mean, prediction * sd + mean))
    return found


def _said(rows: Rows, metric: str, scores: list[Metrics]) -> str:
    count = round(float(np.mean([len(own) for own in rows.training])))
    return f"{count} training rows a fold: {metric} {np.mean([own[metric] for own in scores]):.5g}"


def _constant(prepared: Preparation) -> list[Metrics]:
    """Metrics of each fold for a prediction that knows nothing but the labels of the training rows."""
    task, rows, found = prepared.task, prepared.rows, []
    for seen, own, scale in zip(rows.training, rows.validation, prepared.scales, strict=True):
        if task.is_classification:
            shares = np.bincount(rows.label[seen].astype(int), minlength=len(task.classes)) / len(seen)
            value = shares[1:] if task.kind == "binary" else shares
        else:
            value = np.array([scale.mean])
        label = rows.label[own] * np.float32(scale.sd) + np.float32(scale.mean)
        found.append(score(task, label, np.tile(value.astype(np.float32), (len(own), 1))))
    return found
