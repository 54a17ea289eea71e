"""Files in, files out: the folds of a dataset and a report of their balance."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from foldline.artifacts.dataset import Dataset, row_id_array
from foldline.artifacts.folds import FORWARD, Assignment, Folds
from foldline.artifacts.identity import column_hash
from foldline.artifacts.task import Task, infer_task
from foldline.data.assign_folds import deal
from foldline.data.assign_folds.page import folds_page
from foldline.disk import room_for
from foldline.errors import ArgumentError, DataError

STRATEGIES = ("auto", "stratified", "plain", "grouped", FORWARD)


@dataclass(frozen=True)
class _Dealt:
    test: NDArray[np.bool_]
    fold: NDArray[np.int64]
    hold_out: dict[str, str | float]
    groups: NDArray[np.int64] | None = None


def run(
    dataset_path: str | Path,
    folds_path: str | Path,
    report_path: str | Path,
    fold_numbers_path: str | Path,
    *,
    label: str = "",
    task: str = "auto",
    strategy: str = "auto",
    n_folds: int = 5,
    n_repeats: int = 1,
    test_fraction: float = 0.2,
    seed: int = 0,
    group_column: str = "",
    time_column: str = "",
    describe: Callable[[dict[str, str | int]], object] = lambda summary: None,
) -> Folds:
    """Write the folds of the dataset at `dataset_path` to the new folder `folds_path`, and the report.

    Args:
        describe: is given the folds' summary, for the artifact's metadata.
        Others: see the component's signature.

    Raises:
        ArgumentError: a parameter has a value that it cannot have, or names no column.
        DataError: a class, the groups or the times do not suffice for these folds.
    """
    deal.check_parameters(strategy, n_folds, n_repeats, test_fraction, STRATEGIES)
    dataset = Dataset.read(Path(dataset_path))
    label = label or dataset.label
    if not label:
        raise ArgumentError("label", expected="the column to predict, as the dataset names none", got="nothing")
    for parameter, name in (("label", label), ("group_column", group_column), ("time_column", time_column)):
        _require_column(dataset, name, parameter)
    time_column = time_column or (dataset.time_window.get("column", "") if strategy != FORWARD else "")
    table = dataset.table(list(dict.fromkeys(name for name in (label, group_column, time_column) if name)))
    if table[label].null_count:
        raise DataError(
            f"label column {label!r}",
            expected="a value in each row",
            got=f"{table[label].null_count} rows without",
            fix="Name the label in ingest_dataset, which leaves such rows out.",
        )
    inferred = infer_task(table[label], label, task)
    chosen = _resolve(strategy, inferred, group_column, time_column)
    row_id = row_id_array(table)
    encoded = inferred.encode(table[label])
    dealt = _deal(
        table, row_id, encoded, inferred, chosen, n_folds, n_repeats, test_fraction, seed, group_column, time_column
    )
    assignment = Assignment(dealt.test, dealt.fold, chosen == FORWARD, n_folds)
    _check_parts(assignment, inferred, encoded, test_fraction)
    warnings = _warnings(chosen, inferred, encoded, assignment, time_column)
    with room_for(folds_path):
        folds = Folds.write(
            Path(folds_path),
            dataset_digest=dataset.digest,
            label=label,
            task=inferred,
            strategy=chosen,
            n_folds=n_folds,
            seed=seed,
            hold_out=dealt.hold_out,
            row_id=row_id,
            test=dealt.test,
            fold=dealt.fold,
        )
        Path(fold_numbers_path).write_text(json.dumps(assignment.predicted_folds))
        folds_page(folds, assignment, encoded, dealt.groups, warnings).write(Path(report_path))
    describe(folds.summary() | ({"warning": " ".join(warnings)} if warnings else {}))
    for warning in warnings:
        print(f"warning: {warning}")
    return folds


def _require_column(dataset: Dataset, name: str, parameter: str) -> None:
    known = [column.name for column in dataset.columns]
    if name and name not in known:
        shown = ", ".join(repr(column) for column in known[:20])
        raise ArgumentError(parameter, expected=f"a column of the dataset ({shown})", got=repr(name))


def _resolve(strategy: str, task: Task, group_column: str, time_column: str) -> str:
    if strategy == "auto":
        strategy = "grouped" if group_column else ("stratified" if task.is_classification else "plain")
    if strategy == "grouped" and not group_column:
        raise ArgumentError("group_column", expected="a column, as the strategy is grouped", got="nothing")
    if strategy != "grouped" and group_column:
        raise ArgumentError("strategy", expected="grouped or auto, as a group_column is given", got=repr(strategy))
    if strategy == FORWARD and not time_column:
        raise ArgumentError("time_column", expected="a column, as the strategy is forward_chaining", got="nothing")
    if strategy == "stratified" and not task.is_classification:
        raise ArgumentError("strategy", expected="plain, grouped or forward_chaining for a regression", got=strategy)
    return strategy


def _deal(
    table: pa.Table, row_id: NDArray[np.int64], encoded: NDArray[np.float32], task: Task, strategy: str,
    n_folds: int, n_repeats: int, test_fraction: float, seed: int, group_column: str, time_column: str,
) -> _Dealt:  # fmt: skip
    fold = np.full((n_repeats, len(row_id)), -1, dtype=np.int64)
    if strategy == FORWARD:
        times = _times(table[time_column], time_column)
        test = deal.hold_out_latest(times, test_fraction)
        _require_training(test, test_fraction)
        fold[0, ~test] = deal.forward(times[~test], n_folds)
        cut = str(times[test].min().astype("datetime64[us]")) if test.any() else ""
        said: dict[str, str | float] = {
            "method": "latest",
            "fraction": test_fraction,
            "time_column": time_column,
            "from": cut,
        }
        return _Dealt(test, fold, {**said, "depends_on": "the dataset's times"})
    if strategy == "grouped":
        hashes = column_hash(table[group_column])
        values, groups = np.unique(hashes, return_inverse=True)
        test = deal.hold_out(hashes.view(np.int64), test_fraction)
        _require_training(test, test_fraction)
        present, place = np.unique(groups.reshape(-1)[~test], return_inverse=True)
        if len(present) < n_folds:
            raise ArgumentError(
                "n_folds",
                expected=f"at most {len(present)}, the number of training groups in {group_column!r}",
                got=str(n_folds),
            )
        for repeat in range(n_repeats):
            dealt = deal.grouped(place.reshape(-1), values[present].view(np.int64), n_folds, seed, repeat)
            fold[repeat, ~test] = repeat * n_folds + dealt
        said = {"method": "hash", "of": group_column, "fraction": test_fraction, "depends_on": "the group's value"}
        return _Dealt(test, fold, said, groups.reshape(-1))
    test = deal.hold_out(row_id, test_fraction)
    _require_training(test, test_fraction)
    classes = encoded.astype(np.int64) if strategy == "stratified" else np.zeros(len(row_id), dtype=np.int64)
    if strategy == "stratified":
        _require_class_sizes(task, classes[~test], n_folds)
    for repeat in range(n_repeats):
        dealt = deal.stratified(row_id[~test], classes[~test], n_folds, seed, repeat)
        fold[repeat, ~test] = repeat * n_folds + dealt
    if (~test).sum() < n_folds:
        raise ArgumentError("n_folds", expected=f"at most {int((~test).sum())}, the training rows", got=str(n_folds))
    return _Dealt(test, fold, {"method": "hash", "of": "row_id", "fraction": test_fraction, "depends_on": "row_id"})


def _times(column: pa.ChunkedArray, name: str) -> NDArray[np.int64]:
    if column.null_count:
        raise DataError(f"time_column {name!r}", expected="a time in each row", got=f"{column.null_count} rows without")
    if pa.types.is_timestamp(column.type):
        return np.asarray(column.cast(pa.int64()).to_numpy(), dtype=np.int64)
    if pa.types.is_integer(column.type):
        return np.asarray(column.to_numpy(), dtype=np.int64)
    raise DataError(f"time_column {name!r}", expected="times or whole numbers", got=str(column.type))


def _require_training(test: NDArray[np.bool_], fraction: float) -> None:
    if test.all():
        raise DataError(
            f"test_fraction {fraction}",
            expected="training rows",
            got="none: all rows, or groups, are held out",
            fix="Lower test_fraction, or give more rows.",
        )


def _require_class_sizes(task: Task, classes: NDArray[np.int64], n_folds: int) -> None:
    counts = np.bincount(classes, minlength=len(task.classes))
    smallest = int(np.argmin(counts))
    if counts[smallest] < n_folds:
        raise ArgumentError(
            "n_folds",
            expected=f"at most {counts[smallest]}, the size of class {task.classes[smallest]!r} in the training rows",
            got=str(n_folds),
            fix="Give fewer folds, more rows, or leave the class out with where.",
        )


def _check_parts(assignment: Assignment, task: Task, encoded: NDArray[np.float32], fraction: float) -> None:
    parts = [(f"training rows of fold {fold}", assignment.training_rows(fold)) for fold in assignment.predicted_folds]
    if fraction > 0.0:
        parts = [("test rows", assignment.test), *parts]
    for name, rows in parts:
        if not rows.any():
            raise DataError(name, expected="at least one", got="none", fix="Give more rows or another test_fraction.")
        if task.is_classification:
            counts = np.bincount(encoded[rows].astype(np.int64), minlength=len(task.classes))
            # Test rows can be scored without a rare class; a model cannot learn one that it never sees.
            enough = np.count_nonzero(counts) > 1 if name == "test rows" else counts.all()
            if not enough:
                missing = task.classes[int(np.argmin(counts))]
                raise DataError(
                    name,
                    expected="rows of at least two classes" if name == "test rows" else "rows of each class",
                    got=f"none of class {missing!r}",
                    fix="Give more rows, fewer folds, another test_fraction, or another strategy.",
                )


def _warnings(
    strategy: str, task: Task, encoded: NDArray[np.float32], assignment: Assignment, time_column: str
) -> list[str]:
    found = []
    if time_column and strategy != FORWARD:
        found.append(
            f"The rows have times ({time_column}), and the strategy {strategy} ignores them: where rows near in time "
            "are alike, such folds flatter the scores. The strategy forward_chaining predicts later rows from earlier."
        )
    if task.is_classification:
        parts = [(f"Fold {fold} has", assignment.validation_rows(fold)) for fold in assignment.predicted_folds]
        for name, rows in [("The test rows have", assignment.test), *parts]:
            counts = np.bincount(encoded[rows].astype(np.int64), minlength=len(task.classes))
            if rows.any() and not counts.all():
                found.append(f"{name} no row of class {task.classes[int(np.argmin(counts))]!r}.")
    return found
