"""Fit a transform for each fold and one for all training rows, and write them with a report."""

from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from foldline.artifacts import Dataset, Folds, RawColumn, Transform
from foldline.artifacts.dataset import row_id_array
from foldline.artifacts.transform import FINAL
from foldline.disk import room_for
from foldline.errors import ArgumentError, DataError
from foldline.features import specification as documents
from foldline.features.derived import combined_columns, operands_of
from foldline.features.labels import Labels, columns_with_labels
from foldline.features.outputs import layout
from foldline.features.reading import read_document
from foldline.features.statistics import TableStatistics, collect, merge, merge_without_each
from foldline.features.transform_features.report import page


@room_for("the outputs")
def run(
    dataset_path: str,
    folds_path: str,
    transform_path: str,
    report_path: str,
    *,
    specification: dict[str, Any],
    exclude_columns: Sequence[str],
    describe: Callable[[dict[str, Any]], None],
) -> None:
    """Read the dataset once, fit, and write the transform to the new folder `transform_path`.

    Args:
        specification: as in `foldline.features.specification`; empty to infer it from the training rows.
        exclude_columns: names of columns that are no features.
        describe: called with the figures for the artifact's metadata.

    Raises:
        ArgumentError: the specification or `exclude_columns` do not fit the dataset.
        DataError: a column has no values or infinite ones, or no column is left.
        ArtifactError: dataset or folds are torn, or the folds belong to another dataset.
    """
    dataset, folds = Dataset.read(Path(dataset_path)), Folds.read(Path(folds_path))
    names = [column.name for column in dataset.columns]
    unknown = [name for name in exclude_columns if name not in names]
    if unknown:
        raise ArgumentError("exclude_columns", expected=f"columns of the dataset {names}", got=repr(unknown[0]))
    stated = read_document(specification, dataset.columns, folds.label)
    wanted = documents.candidates(dataset.columns, stated, folds.label, exclude_columns)

    with_labels = columns_with_labels({name: said for name, said in stated.items() if name not in exclude_columns})
    read = [column.name for column in wanted] + operands_of(stated) + ([folds.label] if with_labels else [])
    table = dataset.table(list(dict.fromkeys(read)))
    derived = combined_columns(stated, table, {column.name: column.dtype for column in dataset.columns})
    labels = Labels.of(folds.task, table[folds.label], with_labels) if with_labels else None
    assignment = folds.align(row_id_array(table), dataset.digest)
    by_fold: dict[int, TableStatistics] = {}
    for repeat in range(assignment.n_repeats):
        first, fold = repeat * assignment.n_folds, assignment.fold[repeat]
        collected = collect(table, wanted, np.where(fold < 0, -1, fold - first), labels, derived)
        by_fold |= {first + number: found for number, found in collected.items()}
    del table, labels, derived
    # Each repeat has all training rows.
    training = merge([of_fold for fold, of_fold in by_fold.items() if assignment.repeat_of(fold) == 0])
    fixed = documents.complete(dataset.columns, stated, training, label=folds.label, excluded=exclude_columns)
    if not fixed.features:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in fixed.ignored.items())
        raise DataError("features", expected="at least one column to learn from", got=f"none ({reasons})")

    training_folds = {f"fold-{fold}": assignment.training_folds(fold) for fold in assignment.predicted_folds}
    training_folds[FINAL] = tuple(fold for fold in by_fold if assignment.repeat_of(fold) == 0)
    fitted_on: dict[str, TableStatistics] = {}
    without: dict[str, dict[int, TableStatistics]] = {}
    for name, numbers in training_folds.items():
        fitted_on[name] = training if name == FINAL else merge([by_fold[number] for number in numbers])
        without[name] = merge_without_each({number: by_fold[number] for number in numbers}, with_labels)
    signature = [RawColumn(column.name, column.dtype) for column in dataset.columns if column.name in fixed.raw_columns]
    write_graphs(Path(transform_path), signature, fixed, fitted_on, without)
    written = Transform.seal(
        Path(transform_path),
        dataset_digest=dataset.digest,
        folds_digest=folds.digest,
        signature=signature,
        layout=layout(fixed),
        specification=fixed.to_json(),
        folds=assignment.predicted_folds,
    )
    page(fixed, fitted_on).write(Path(report_path))
    describe(
        {
            "numeric": len(written.layout.numeric),
            "categorical": len(written.layout.categorical),
            "ignored_columns": len(fixed.ignored),
            "folds": len(written.folds),
        }
    )


def write_graphs(
    path: Path,
    signature: Sequence[RawColumn],
    fixed: documents.Specification,
    fitted_on: dict[str, TableStatistics],
    without: dict[str, dict[int, TableStatistics]],
) -> None:
    """Write a graph for each name in `fitted_on` into a folder of that name."""
    from foldline.features.saved_graph import write_graph

    with TemporaryDirectory() as scratch:
        for name, statistics in fitted_on.items():
            write_graph(path / name, signature, fixed, statistics, Path(scratch) / name, without[name])
