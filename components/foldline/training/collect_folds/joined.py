"""Folds that were trained apart, as one training."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foldline.artifacts.fold_training import FoldTraining
from foldline.errors import ArtifactError
from foldline.training.fitting.settings import EACH
from foldline.training.fitting.stopping import Stopping


@dataclass(frozen=True)
class Joined:
    """What a training of all folds gives.

    Attributes:
        predictions: of each fold's rows after its kept epoch, shape (n_rows, task.outputs).
        kept: the epoch that each fold keeps.
        curves: `training` and `validation`: a list for each epoch with the loss of each fold.
    """

    predictions: list[NDArray[np.float32]]
    kept: list[int]
    curves: dict[str, list[list[float]]]


def in_order(trainings: Sequence[FoldTraining], folds: Sequence[int]) -> list[FoldTraining]:
    """The trainings in the order of `folds`.

    Raises:
        ArtifactError: a fold is missing or there twice, or two were not trained alike; names fold and field.
    """
    found = sorted(training.fold for training in trainings)
    if found != sorted(folds):
        raise ArtifactError("folds of fold_trainings", expected=f"{sorted(folds)}", got=f"{found}")
    by_fold = {training.fold: training for training in trainings}
    ordered = [by_fold[fold] for fold in folds]
    first = ordered[0]
    for other in ordered[1:]:
        for name, value in first.determined_by.items():
            if other.determined_by.get(name) != value:
                raise ArtifactError(
                    f"field {name} of the training of fold {other.fold}",
                    expected=f"that of fold {first.fold}, {value!r}",
                    got=repr(other.determined_by.get(name)),
                    fix="Train all folds with the same parameters.",
                )
    return ordered


def join(trainings: Sequence[FoldTraining], patience: int) -> Joined:
    """Apply the stopping rule of a joint training to losses that were taken apart.

    It sees as many epochs as every fold was trained for; with the rule `each` a fold's own epochs.
    """
    each = trainings[0].determined_by["fitting"]["stopping"] == EACH
    first = trainings[0].first_epoch
    lengths = [len(training.validation_loss) for training in trainings]
    shown = max(lengths) if each else min(lengths)
    # A fold that has stopped keeps its last loss, as in a joint training.
    losses = np.array([_padded(training.validation_loss, shown) for training in trainings]).T
    rule = Stopping(len(trainings), patience, each=each)
    seen = 0
    for epoch, row in enumerate(losses, start=first):
        rule.see(epoch, row)
        seen += 1
        if not rule.active.any():
            break
    predictions = [
        training.predictions[kept - first] for training, kept in zip(trainings, rule.kept.tolist(), strict=True)
    ]
    trained = seen - (1 - first)
    training_losses = np.array([_padded(training.training_loss, max(trained, 0)) for training in trainings]).T
    curves = {"training": training_losses[:trained].tolist(), "validation": losses[:seen].tolist()}
    return Joined(predictions, rule.kept.tolist(), curves)


def _padded(losses: Sequence[float], length: int) -> list[Any]:
    return [*losses[:length], *[losses[-1] if losses else 0.0] * (length - len(losses))]
