"""Transformed rows of the models of a training."""

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from foldline.artifacts import Task
from foldline.training.fitting.orders import Positions


@dataclass(frozen=True)
class Rows:
    """Transformed rows of all models of a stack, one model's after another's.

    Attributes:
        folds: number of each model's fold; -1 for the model of all training rows.
        features: `numeric` and `categorical` as the transform gives them, rows along the first axis.
        label: shape (n_rows,), float32: index of the class, or the standardised value.
        training: for each model the positions of the rows that it is trained on.
        validation: for each model the positions of the rows that it is applied to.
        weight: shape (n_rows,), float32, mean 1 over the training rows; None where all rows count alike.
    """

    folds: tuple[int, ...]
    features: dict[str, Any]
    label: NDArray[np.float32]
    training: tuple[Positions, ...]
    validation: tuple[Positions, ...]
    weight: NDArray[np.float32] | None = None

    def of(self, members: slice) -> Self:
        """The rows of some of the models, without those that only the others need."""
        training, validation = self.training[members], self.validation[members]
        used = np.unique(np.concatenate([*training, *validation]))
        return replace(
            self,
            folds=self.folds[members],
            features={name: values[used] for name, values in self.features.items()},
            label=self.label[used],
            training=tuple(np.searchsorted(used, own).astype(np.int32) for own in training),
            validation=tuple(np.searchsorted(used, own).astype(np.int32) for own in validation),
            weight=None if self.weight is None else self.weight[used],
        )

    @property
    def nbytes(self) -> int:
        """Size of the features, the label and the weights."""
        arrays = [*self.features.values(), self.label, *([] if self.weight is None else [self.weight])]
        return int(sum(values.nbytes for values in arrays))


def class_weights(given: str | dict[str, float], task: Task, rows: Rows) -> NDArray[np.float32] | None:
    """Weight of each class in each model's training loss, shape (K, n_classes); mean 1 over the training rows.

    Args:
        given: weight of each class by name, `balanced` or nothing.
    """
    if not given:
        return None
    weights = np.empty((len(rows.folds), len(task.classes)))
    for index, own in enumerate(rows.training):
        counts = np.bincount(rows.label[own].astype(int), minlength=len(task.classes))
        raw = 1.0 / counts if isinstance(given, str) else np.array([given[name] for name in task.classes])
        weights[index] = raw * counts.sum() / (raw * counts).sum()
    return weights.astype(np.float32)
