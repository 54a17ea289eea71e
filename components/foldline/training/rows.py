"""From the artifacts to the transformed rows that models are trained on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from foldline.artifacts import Assignment, Dataset, Folds, Layout, Task, Transform
from foldline.artifacts.dataset import row_id_array
from foldline.artifacts.signature import tensors_from_table
from foldline.errors import ArtifactError, TrainingError
from foldline.training.fitting.rows import Rows

FINAL = -1
Tensors = dict[str, NDArray[Any]]
# Gives the function that applies the transform in a folder.
LoadTransform = Callable[[Path], Callable[[Tensors], Tensors]]


@dataclass(frozen=True)
class Scale:
    """What the label of a model is standardised by: (label - mean) / sd. 0 and 1 for classification."""

    mean: float
    sd: float


@dataclass(frozen=True)
class TrainingTable:
    """The training rows of a dataset, raw.

    Attributes:
        row_id, label: shape (n_rows,) each; the label as `Task.encode` gives it.
        assignment: their folds, in their order.
        tensors: their raw tensors by column.
    """

    dataset: Dataset
    folds: Folds
    transform: Transform
    row_id: NDArray[np.int64]
    label: NDArray[np.float32]
    assignment: Assignment
    tensors: Tensors

    @classmethod
    def read(cls, dataset_path: Path, folds_path: Path, transform_path: Path) -> Self:
        """Read the three artifacts, which must belong together.

        Raises:
            ArtifactError: one is torn, edited, or belongs to another dataset or folds.
        """
        dataset, folds, transform = Dataset.read(dataset_path), Folds.read(folds_path), Transform.read(transform_path)
        for name, expected, got in (
            ("dataset_digest", dataset.digest, transform.dataset_digest),
            ("folds_digest", folds.digest, transform.folds_digest),
        ):
            if got != expected:
                raise ArtifactError(
                    f"field {name} of {transform_path / 'transform.json'}",
                    expected=expected,
                    got=got,
                    fix="Fit the transform on this dataset and these folds.",
                )
        names = [column.name for column in transform.signature]
        table = dataset.table([*names, *({folds.label} - set(names))])
        whole = folds.align(row_id_array(table), dataset.digest)
        table = table.filter(~whole.test)
        return cls(
            dataset=dataset,
            folds=folds,
            transform=transform,
            row_id=row_id_array(table),
            label=folds.task.encode(table[folds.label]),
            assignment=Assignment(
                whole.test[~whole.test], whole.fold[~whole.test], forward=whole.forward, n_folds=whole.n_folds
            ),
            tensors=tensors_from_table(table, transform.signature),
        )

    @property
    def origin(self) -> dict[str, str]:
        """Digests of dataset, folds and transform."""
        return {"dataset": self.dataset.digest, "folds": self.folds.digest, "transform": self.transform.digest}

    def of_folds(self, load: LoadTransform) -> tuple[Rows, list[Scale]]:
        """The rows of every fold's model, each under its own transform: the fold's training rows and its own.

        Raises:
            TrainingError: a fold's training rows lack a class, or a transform gives numbers that are not finite.
        """
        folds = self.assignment.predicted_folds
        training = [self.assignment.training_rows(fold) for fold in folds]
        validation = [self.assignment.fold == fold for fold in folds]
        folders = [self.transform.fold_folder(fold) for fold in folds]
        return self._rows(folds, folders, training, validation, load)

    def of_all(self, load: LoadTransform, applied: NDArray[np.bool_]) -> tuple[Rows, Scale]:
        """All training rows under the final transform; those in `applied`, shape (n_rows,), are predicted too."""
        everything = np.ones(len(self.row_id), dtype=bool)
        rows, scales = self._rows((FINAL,), [self.transform.final_folder], [everything], [applied], load)
        return rows, scales[0]

    def _rows(
        self,
        folds: Sequence[int],
        folders: Sequence[Path],
        training: Sequence[NDArray[np.bool_]],
        validation: Sequence[NDArray[np.bool_]],
        load: LoadTransform,
    ) -> tuple[Rows, list[Scale]]:
        layout, task = self.transform.layout, self.folds.task
        used = [np.flatnonzero(own | other) for own, other in zip(training, validation, strict=True)]
        starts = np.cumsum([0, *(len(rows) for rows in used)])
        # Blocks of one array, filled one by one, so that no second copy of all folds is ever made.
        features: Tensors = {}
        if layout.numeric:
            features["numeric"] = np.empty((starts[-1], len(layout.numeric)), dtype=np.float32)
        if layout.categorical:
            features["categorical"] = np.empty((starts[-1], len(layout.categorical)), dtype=np.int32)
        label = np.empty(starts[-1], dtype=np.float32)
        scales, positions = [], []
        for index, (fold, rows, start) in enumerate(zip(folds, used, starts[:-1], strict=True)):
            given = self.tensors
            if len(rows) < len(self.row_id):
                given = {name: values[rows] for name, values in given.items()}
            block = load(folders[index])(given)
            check_features(block, layout, fold)
            for name, values in features.items():
                values[start : start + len(rows)] = block[name]
            own = self.label[training[index]]
            scales.append(scale_of(task, own, fold))
            label[start : start + len(rows)] = (self.label[rows] - scales[-1].mean) / scales[-1].sd
            positions.append(
                [(start + np.flatnonzero(mask[rows])).astype(np.int32) for mask in (training[index], validation[index])]
            )
        trained, predicted = zip(*positions, strict=True)
        return Rows(tuple(folds), features, label, trained, predicted), scales


def scale_of(task: Task, label: NDArray[np.float32], fold: int) -> Scale:
    """Mean and standard deviation of a regression label; also checks that a classification has all classes.

    Raises:
        TrainingError: the training rows of `fold` have no row of a class, or only one value.
    """
    place = "all training rows" if fold == FINAL else f"the training rows of fold {fold}"
    if task.is_classification:
        present = set(np.unique(label).astype(int))
        missing = [name for index, name in enumerate(task.classes) if index not in present]
        if missing:
            raise TrainingError(
                f"label in {place}",
                expected="rows of every class",
                got=f"none of class {', '.join(map(repr, missing))}",
                fix="Use fewer or stratified folds, or drop the rare class.",
            )
        return Scale(0.0, 1.0)
    mean, sd = float(label.mean(dtype=np.float64)), float(label.std(dtype=np.float64))
    if not sd > 0.0:
        got = f"mean {mean}, standard deviation {sd}"
        raise TrainingError(f"label in {place}", expected="different finite values", got=got)
    return Scale(mean, sd)


def check_features(features: Tensors, layout: Layout, fold: int) -> None:
    """Check that what a transform gave is usable.

    Raises:
        TrainingError: a numeric feature is not finite or an index is outside its capacity; names feature and fold.
    """
    place = "under the final transform" if fold == FINAL else f"under the transform of fold {fold}"
    if layout.numeric:
        wrong = np.flatnonzero(~np.isfinite(features["numeric"]).all(axis=0))
        if len(wrong):
            count = int((~np.isfinite(features["numeric"][:, wrong[0]])).sum())
            what = f"feature {layout.numeric[wrong[0]]!r} {place}"
            raise TrainingError(what, expected="finite numbers", got=f"{count} rows with NaN or infinity")
    for index, feature in enumerate(layout.categorical):
        values = features["categorical"][:, index]
        low, high = int(values.min(initial=0)), int(values.max(initial=0))
        if low < 0 or high >= feature.capacity:
            expected = f"indices in [0, {feature.capacity})"
            raise TrainingError(f"feature {feature.name!r} {place}", expected=expected, got=f"{low} to {high}")
