"""Where the default model begins: with the linear part that ridge or penalised logistic regression gives."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import log_loss

from foldline.artifacts import Layout, Task
from foldline.training.default_model import CATEGORIES, DEEP, FURTHEST_INPUT, LINEAR
from foldline.training.fitting.rows import Rows

# Of the squared weights, beside the mean loss of a row: from a model that hardly moves to one that nothing shrinks.
PENALTIES = (10.0, 3.0, 1.0, 0.3, 0.1, 0.03, 0.01, 1e-3, 1e-4)
# Rows times columns times the smaller of both: a few seconds for all penalties of five folds on two cores.
MOST_WORK = 5e8
MOST_STEPS = 200
# Beside a linear part that has converged, nothing needs to learn faster than the rest.
PACE = 1.0

Design = NDArray[np.float64]
# Weights of a linear model, shape (n_columns, n_outputs), and its intercept, shape (n_outputs,).
Coefficients = tuple[NDArray[np.float64], NDArray[np.float64]]


@dataclass(frozen=True)
class LinearStart:
    """Initial weights of the default models of a stack.

    Attributes:
        penalty: the one that was used for all of them.
        values: for the path of a variable the last columns of its value; first axis K.
    """

    penalty: float
    values: dict[str, NDArray[np.float32]]


def affordable(layout: Layout, task: Task, rows: int) -> bool:
    """Whether the linear models of a table with `rows` training rows take no more than seconds.

    A larger table has so many steps an epoch that it does not matter where they begin.
    """
    width = _width(layout)
    return rows * width * min(rows, width) * task.outputs <= MOST_WORK


def best_linear_start(rows: Rows, layout: Layout, task: Task) -> LinearStart:
    """The start with the penalty whose mean loss on the folds' own rows is lowest: one for all folds, as with epochs.

    A fold's weights come from its training rows only. Ridge regression: Hoerl and Kennard, "Ridge regression: biased
    estimation for nonorthogonal problems", Technometrics 1970; classes by logistic regression with the same penalty.
    """
    fits, losses = [], []
    for training, validation in zip(rows.training, rows.validation, strict=True):
        fits.append(_fit(_design(rows, layout, training), rows.label[training], task, PENALTIES))
        seen = _design(rows, layout, validation)
        losses.append([_loss(task, seen @ weights + bias, rows.label[validation]) for weights, bias in fits[-1]])
    best = int(np.argmin(np.mean(losses, axis=0)))
    return LinearStart(PENALTIES[best], _values([fit[best] for fit in fits], layout))


def linear_start(rows: Rows, layout: Layout, task: Task, penalty: float) -> LinearStart:
    """The start with a penalty that is known already, from each model's training rows."""
    fits = [_fit(_design(rows, layout, own), rows.label[own], task, [penalty])[0] for own in rows.training]
    return LinearStart(penalty, _values(fits, layout))


def _width(layout: Layout) -> int:
    return len(layout.numeric) + sum(feature.capacity for feature in layout.categorical)


def _design(rows: Rows, layout: Layout, own: NDArray[np.int32]) -> Design:
    """What the linear part sees of some rows: clipped numbers, then a column for each value of each category."""
    design = np.zeros((len(own), _width(layout)))
    if layout.numeric:
        np.clip(rows.features["numeric"][own], -FURTHEST_INPUT, FURTHEST_INPUT, out=design[:, : len(layout.numeric)])
    first = len(layout.numeric)
    for index, feature in enumerate(layout.categorical):
        design[np.arange(len(own)), first + rows.features["categorical"][own, index]] = 1.0
        first += feature.capacity
    return design


def _fit(design: Design, label: NDArray[np.float32], task: Task, penalties: Sequence[float]) -> list[Coefficients]:
    return _logistic(design, label, penalties) if task.is_classification else _ridge(design, label, penalties)


def _ridge(design: Design, label: NDArray[np.float32], penalties: Sequence[float]) -> list[Coefficients]:
    models = [Ridge(alpha=penalty * len(label)).fit(design, label) for penalty in penalties]
    return [(model.coef_[:, None], np.atleast_1d(model.intercept_)) for model in models]


def _logistic(design: Design, label: NDArray[np.float32], penalties: Sequence[float]) -> list[Coefficients]:
    model = LogisticRegression(warm_start=True, max_iter=MOST_STEPS)
    found = []
    with warnings.catch_warnings():
        # A start need not have converged: its loss on rows that it has not seen is what counts.
        warnings.simplefilter("ignore", ConvergenceWarning)
        for penalty in penalties:
            model.set_params(C=1.0 / (penalty * len(label))).fit(design, label)
            found.append((model.coef_.T.copy(), model.intercept_.copy()))
    return found


def _loss(task: Task, score: Design, label: NDArray[np.float32]) -> float:
    if not task.is_classification:
        return float(np.mean(np.square(score[:, 0] - label)))
    logits = np.column_stack([np.zeros(len(score)), score]) if score.shape[1] == 1 else score
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return float(log_loss(label, exponentials / exponentials.sum(axis=1, keepdims=True), labels=range(logits.shape[1])))


def _values(fits: Sequence[Coefficients], layout: Layout) -> dict[str, NDArray[np.float32]]:
    weights, bias = (np.stack(parts).astype(np.float32) for parts in zip(*fits, strict=True))
    values = {f"{DEEP}/bias": bias}
    if layout.numeric:
        values[f"{LINEAR}/kernel"] = weights[:, : len(layout.numeric)]
    if layout.categorical:
        values[f"{CATEGORIES}/embeddings"] = weights[:, len(layout.numeric) :]
    return values
