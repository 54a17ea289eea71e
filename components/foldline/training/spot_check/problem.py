"""What every setting is tried on: the transformed rows of the folds, in files that processes share."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foldline.artifacts import Layout, Task
from foldline.training.subsets import nested_order

Array = NDArray[Any]
Positions = NDArray[np.int32]


@dataclass(frozen=True)
class Score:
    """How a model did on the out-of-fold rows of one fold.

    Attributes:
        metrics: by name.
        rows: training rows that the model was fitted on.
        fit_s: seconds of the fit; folds that are fitted as one program share it evenly.
    """

    metrics: dict[str, float]
    rows: int
    fit_s: float


@dataclass(frozen=True)
class Problem:
    """The rows of the folds, each under its own fold's transform, in the folder that `store` wrote.

    Attributes:
        folds: number of each fold.
        scales: for each fold the mean and standard deviation by which a regression label is standardised; 0 and 1 for
            classes.
        rows_per_fit: training rows of a fold that a family is given whose cost grows faster than the rows.
    """

    folder: Path
    task: Task
    layout: Layout
    folds: tuple[int, ...]
    scales: tuple[tuple[float, float], ...]
    rows_per_fit: int
    seed: int

    def store(
        self, features: dict[str, Array], label: Array, training: Sequence[Positions], validation: Sequence[Positions]
    ) -> None:
        """Write the rows, as `foldline.training.fit.Rows` has them."""
        arrays: dict[str, Array] = {**features, "label": label}
        for index, (trained, predicted) in enumerate(zip(training, validation, strict=True)):
            arrays |= {f"training-{index}": trained, f"validation-{index}": predicted}
        for name, values in arrays.items():
            np.save(self.folder / f"{name}.npy", values)

    def features(self) -> dict[str, Array]:
        """`numeric` and `categorical`, each only where the layout has columns for it; not read before they are used."""
        parts = {"numeric": self.layout.numeric, "categorical": self.layout.categorical}
        return {name: self._array(name) for name, columns in parts.items() if columns}

    def label(self) -> Array:
        return self._array("label")

    def training(self, index: int) -> Positions:
        """Positions of the training rows of the fold at `index`."""
        return np.asarray(self._array(f"training-{index}"))

    def validation(self, index: int) -> Positions:
        """Positions of the rows that the fold at `index` is scored on."""
        return np.asarray(self._array(f"validation-{index}"))

    def sample(self, index: int) -> Positions:
        """As `training`, but `rows_per_fit` of them at most, drawn at random in the shares of the classes."""
        rows = self.training(index)
        if len(rows) <= self.rows_per_fit:
            return rows
        order = nested_order(self.label()[rows], self.task, self.seed + self.folds[index])
        return rows[np.sort(order[: self.rows_per_fit])]

    def in_units(self, index: int, values: Array) -> Array:
        """Standardised labels or predictions of the fold at `index` in the label's own units."""
        mean, sd = self.scales[index]
        return values * np.float32(sd) + np.float32(mean)

    def _array(self, name: str) -> Array:
        stored: Array = np.load(self.folder / f"{name}.npy", mmap_mode="r")
        return stored
