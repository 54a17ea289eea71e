"""From the artifacts to the transformed rows that models are trained on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from foldline.artifacts import Assignment, Dataset, Folds, Layout, Task, Transform
from foldline.artifacts.dataset import row_id_array
from foldline.artifacts.signature import tensors_from_table
from foldline.errors import ArgumentError, ArtifactError, DataError, TrainingError
from foldline.training.fitting.rows import Rows

FINAL = -1
# The fold of a row whose features are those of a served one.
SERVED = -1
Tensors = dict[str, NDArray[Any]]
# Gives the function that applies the transform in a folder: `AppliedTransform.apply`.
LoadTransform = Callable[[Path], Callable[[Tensors, NDArray[np.int64]], Tensors]]


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
        weight: shape (n_rows,), mean 1; None where all rows count alike.
    """

    dataset: Dataset
    folds: Folds
    transform: Transform
    row_id: NDArray[np.int64]
    label: NDArray[np.float32]
    assignment: Assignment
    tensors: Tensors
    weight: NDArray[np.float32] | None = None

    @classmethod
    def read(cls, dataset_path: Path, folds_path: Path, transform_path: Path, weight_column: str = "") -> Self:
        """Read the three artifacts, which must belong together.

        Args:
            weight_column: column with the weight of each row; all count alike when empty.

        Raises:
            ArgumentError: the weight column is missing, a feature, or has no usable weights.
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
        more = {folds.label} | ({weight_column} if weight_column else set())
        if weight_column:
            check_weight_column(weight_column, dataset, names)
        table = dataset.table([*names, *sorted(more - set(names))])
        whole = folds.align(row_id_array(table), dataset.digest)
        table = table.filter(~whole.test)
        return cls(
            dataset=dataset,
            folds=folds,
            transform=transform,
            row_id=row_id_array(table),
            label=folds.task.encode(table[folds.label]),
            assignment=whole.of(~whole.test),
            tensors=tensors_from_table(table, transform.signature),
            weight=weights_of(table[weight_column], weight_column) if weight_column else None,
        )

    @property
    def origin(self) -> dict[str, str]:
        """Digests of dataset, folds and transform."""
        return {"dataset": self.dataset.digest, "folds": self.folds.digest, "transform": self.transform.digest}

    def of_folds(self, load: LoadTransform) -> tuple[Rows, list[Scale]]:
        """The rows of every fold's model, each under its own transform: the fold's training rows and its own.

        Raises:
            TrainingError: a fold's training rows lack a class, none of its rows has a weight, or a transform gives
                numbers that are not finite.
        """
        folds = self.assignment.predicted_folds
        training = [self.assignment.training_rows(fold) for fold in folds]
        validation = [self.assignment.validation_rows(fold) for fold in folds]
        for fold, seen, own in zip(folds, training, validation, strict=True):
            check_weights(self.weight, seen, f"the training rows of fold {fold}")
            check_weights(self.weight, own, f"the rows of fold {fold}")
        folders = [self.transform.fold_folder(fold) for fold in folds]
        return self._rows(folds, folders, training, validation, load)

    def of_all(self, load: LoadTransform, applied: NDArray[np.bool_]) -> tuple[Rows, Scale]:
        """All training rows under the final transform; those in `applied`, shape (n_rows,), are predicted too.

        Raises what `of_folds` raises.
        """
        everything = np.ones(len(self.row_id), dtype=bool)
        check_weights(self.weight, everything, "all training rows")
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
        # A row that is trained on and predicted too stands there twice: its features may differ.
        used = [
            np.r_[np.flatnonzero(own), np.flatnonzero(other)] for own, other in zip(training, validation, strict=True)
        ]
        starts = np.cumsum([0, *(len(rows) for rows in used)])
        # Blocks of one array, filled one by one, so that no second copy of all folds is ever made.
        features: Tensors = {}
        if layout.numeric:
            features["numeric"] = np.empty((starts[-1], len(layout.numeric)), dtype=np.float32)
        if layout.categorical:
            features["categorical"] = np.empty((starts[-1], len(layout.categorical)), dtype=np.int32)
        label = np.empty(starts[-1], dtype=np.float32)
        weight = None if self.weight is None else np.concatenate([self.weight[rows] for rows in used])
        scales, positions = [], []
        for index, (fold, rows, start) in enumerate(zip(folds, used, starts[:-1], strict=True)):
            own = training[index]
            fold_of_row = np.full(len(rows), SERVED)
            fold_of_row[: own.sum()] = self.assignment.fold[self.assignment.repeat_of(max(fold, 0))][own]
            block = load(folders[index])({name: values[rows] for name, values in self.tensors.items()}, fold_of_row)
            check_features(block, layout, fold)
            for name, values in features.items():
                values[start : start + len(rows)] = block[name]
            scales.append(scale_of(task, self.label[own], fold))
            label[start : start + len(rows)] = (self.label[rows] - scales[-1].mean) / scales[-1].sd
            places = np.arange(start, start + len(rows), dtype=np.int32)
            positions.append((places[: own.sum()], places[own.sum() :]))
        trained, predicted = zip(*positions, strict=True)
        return Rows(tuple(folds), features, label, trained, predicted, weight), scales


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


def check_weight_column(name: str, dataset: Dataset, features: Sequence[str]) -> None:
    """Check that a column may hold the weights of rows.

    Raises:
        ArgumentError: it is missing, or a feature.
    """
    where = "field 'weight_column' of fitting"
    known = [column.name for column in dataset.columns]
    if name not in known:
        raise ArgumentError(where, expected=f"one of {known}", got=repr(name))
    if name in features:
        fix = f"Put {name!r} into exclude_columns: at serving time no row has a weight."
        raise ArgumentError(where, expected="a column that is no feature", got=repr(name), fix=fix)


def weights_of(column: pa.ChunkedArray, name: str) -> NDArray[np.float32]:
    """The weights of rows, divided by their mean; shape (n_rows,).

    Raises:
        DataError: they are no finite numbers of at least 0, or all of them are 0.
    """
    numeric = pa.types.is_floating(column.type) or pa.types.is_integer(column.type)
    values = column.cast(pa.float64()).to_numpy() if numeric else np.array([np.nan])
    wrong = int((~np.isfinite(values) | (values < 0)).sum())
    if wrong or not values.any():
        got = f"{column.type}, {wrong} of {len(values)} rows otherwise" if wrong else "0 in every row"
        raise DataError(f"weight column {name!r}", expected="finite numbers of at least 0, some above", got=got)
    weights: NDArray[np.float32] = (values / values.mean()).astype(np.float32)
    return weights


def check_weights(weight: NDArray[np.float32] | None, rows: NDArray[np.bool_], place: str) -> None:
    """Check that some of `rows`, shape (n_rows,), count.

    Raises:
        TrainingError: all of them have the weight 0.
    """
    if weight is not None and not weight[rows].any():
        raise TrainingError(f"weights of {place}", expected="some above 0", got="0 in every row")


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
