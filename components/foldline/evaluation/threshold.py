"""The probability above which a binary prediction is called positive, chosen on out-of-fold predictions.

Criterion: balanced accuracy, the mean recall of both classes. Unlike accuracy it does not follow the larger class, and
unlike F1 it does not change with the share of positives, which drifts, and does not call every row positive where the
model knows nothing (Lipton, Elkan and Naryanaswamy, "Optimal thresholding of classifiers to maximize F1 measure", ECML
PKDD 2014). Of calibrated probabilities the best threshold is the share of positives.

How far the choice can be trusted is said by the thresholds that each fold alone would choose; a bootstrap does not
tell, as it is not consistent for the place of a maximum (Kim and Pollard, "Cube root asymptotics", Annals of Statistics
18, 1990).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from foldline.artifacts.task import Task
from foldline.evaluation.per_row import Array, predicted_class
from foldline.evaluation.weighted import of_confusion

CRITERION = "balanced_accuracy"


@dataclass(frozen=True)
class Threshold:
    """A threshold and how good it is.

    Attributes:
        value: a row is called positive when its probability is above it; chosen on all rows.
        of_folds: what each fold's own rows alone would choose, in the order of the folds.
        metrics: accuracy, precision and so on, mean over the folds of which each is judged by a threshold that was
            chosen on other folds; empty where no fold has others.
    """

    value: float
    of_folds: tuple[float, ...]
    metrics: dict[str, float]


def best_threshold(label: Array, probability: Array) -> float:
    """The threshold with the largest balanced accuracy, halfway between two neighbouring probabilities.

    Args:
        label: shape (n_rows,): 0 or 1, both of them.
        probability: of 1; shape (n_rows,). Where all are equal it is theirs, and no row is called positive.
    """
    order = np.argsort(-probability, kind="stable")
    falling, positive = np.asarray(probability, dtype=np.float64)[order], np.asarray(label)[order] > 0.5
    gained = np.cumsum(positive) / positive.sum() - np.cumsum(~positive) / (~positive).sum()
    ends = np.flatnonzero(np.diff(falling))
    if not len(ends):
        return float(falling[0])
    best = ends[np.argmax(gained[ends])]
    return float((falling[best] + falling[best + 1]) / 2.0)


def choose_threshold(
    task: Task, label: Array, prediction: Array, fold: NDArray[np.int64], others: Mapping[int, Sequence[int]]
) -> Threshold:
    """The threshold of a binary task.

    Args:
        label: shape (n_rows,).
        prediction: out-of-fold probabilities; shape (n_rows, 1).
        fold: number of the fold of each row; shape (n_rows,).
        others: for each fold those whose rows may choose a threshold for it.
    """
    probability = prediction[:, 0]
    own = {number: fold == number for number in others}
    judged = []
    for number, chosen_by in others.items():
        if chosen_by:
            used = np.isin(fold, chosen_by)
            called = predicted_class(task, prediction[own[number]], best_threshold(label[used], probability[used]))
            matrix = np.zeros((1, 2, 2))
            np.add.at(matrix[0], (np.asarray(label)[own[number]].astype(np.int64), called), 1.0)
            judged.append(of_confusion(task, matrix))
    return Threshold(
        value=best_threshold(label, probability),
        of_folds=tuple(best_threshold(label[rows], probability[rows]) for rows in own.values()),
        metrics={name: float(np.mean([one[name] for one in judged])) for name in judged[0]} if judged else {},
    )
