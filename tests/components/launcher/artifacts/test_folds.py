"""Folds: written in one order, aligned to any other, refused for any other dataset."""

from pathlib import Path

import numpy as np
import pytest

from foldline.artifacts import Folds, Predictions, Task
from foldline.artifacts.folds import FORWARD, Assignment
from foldline.errors import ArtifactError

ROW_ID = np.array([40, 10, 30, 20, 50])
TEST = np.array([False, True, False, False, False])
FOLD = np.array([2, -1, 0, 1, 0])
AGAIN = np.array([4, -1, 3, 3, 5])


def write(path: Path, strategy: str = "stratified", fold: np.ndarray = FOLD[None]) -> Folds:
    return Folds.write(
        path, dataset_digest="sha256:1", label="late", task=Task("binary", ("false", "true")), strategy=strategy,
        n_folds=3, seed=4, hold_out={"method": "hash", "fraction": 0.2}, row_id=ROW_ID, test=TEST, fold=fold,
    )  # fmt: skip


def test_folds_are_read_as_they_were_written(tmp_path: Path) -> None:
    written = write(tmp_path / "folds")
    read = Folds.read(tmp_path / "folds")
    assert read.row_id.tolist() == sorted(ROW_ID.tolist())
    assert read.test.tolist() == [True, False, False, False, False]
    assert read.fold.tolist() == [[-1, 1, 0, 2, 0]]
    assert (read.label, read.task, read.n_folds, read.seed) == ("late", written.task, 3, 4)
    assert read.digest == written.digest
    assert read.summary() == {
        "task": "binary", "strategy": "stratified", "folds": 3, "repeats": 1, "training_rows": 4, "test_rows": 1,
    }  # fmt: skip


@pytest.mark.parametrize("order", [[0, 1, 2, 3, 4], [4, 3, 2, 1, 0], [2, 0, 4, 1, 3]])
def test_folds_align_to_any_order_of_rows(tmp_path: Path, order: list[int]) -> None:
    aligned = write(tmp_path / "folds", fold=np.stack([FOLD, AGAIN])).align(ROW_ID[order], "sha256:1")
    assert aligned.fold.tolist() == [FOLD[order].tolist(), AGAIN[order].tolist()]
    assert aligned.test.tolist() == TEST[order].tolist()


@pytest.mark.parametrize(
    ("row_id", "digest", "message"),
    [
        (ROW_ID, "sha256:2", r"field dataset_digest of .*expected sha256:2, got sha256:1"),
        (ROW_ID[:4], "sha256:1", r"rows of .*expected the dataset's 4 rows, got 5 others"),
        (np.array([40, 10, 30, 20, 60]), "sha256:1", r"rows of .*expected the dataset's 5 rows, got 5 others"),
    ],
    ids=["another digest", "fewer rows", "another row"],
)
def test_folds_of_other_rows_are_refused(tmp_path: Path, row_id: np.ndarray, digest: str, message: str) -> None:
    with pytest.raises(ArtifactError, match=message):
        write(tmp_path / "folds").align(row_id, digest)


def test_a_fold_is_predicted_from_all_others() -> None:
    assignment = Assignment(TEST, FOLD[None], forward=False, n_folds=3)
    assert assignment.predicted_folds == (0, 1, 2)
    assert assignment.training_folds(1) == (0, 2)
    assert assignment.training_rows(1).tolist() == [True, False, True, False, True]
    assert assignment.validation_rows(1).tolist() == [False, False, False, True, False]


def test_a_fold_of_a_repeat_is_predicted_from_the_others_of_that_repeat() -> None:
    assignment = Assignment(TEST, np.stack([FOLD, AGAIN]), forward=False, n_folds=3)
    assert assignment.predicted_folds == (0, 1, 2, 3, 4, 5)
    assert [assignment.repeat_of(fold) for fold in assignment.predicted_folds] == [0, 0, 0, 1, 1, 1]
    assert assignment.training_folds(4) == (3, 5)
    assert assignment.training_rows(4).tolist() == [False, False, True, True, True]
    assert assignment.validation_rows(4).tolist() == [True, False, False, False, False]
    for fold in assignment.predicted_folds:
        assert not (assignment.training_rows(fold) & assignment.validation_rows(fold)).any()
    kept = assignment.of(~TEST)
    assert kept.fold.tolist() == [[2, 0, 1, 0], [4, 3, 3, 5]]
    assert (kept.n_folds, kept.n_repeats, kept.test.any()) == (3, 2, False)


def test_forward_chaining_predicts_a_fold_from_those_before_it(tmp_path: Path) -> None:
    assignment = write(tmp_path / "folds", FORWARD).align(ROW_ID, "sha256:1")
    assert assignment.forward
    assert assignment.predicted_folds == (1, 2, 3)
    assert assignment.training_folds(2) == (0, 1)
    assert assignment.training_rows(1).tolist() == [False, False, True, False, True]


@pytest.mark.parametrize(
    "task",
    [Task("binary", ("no", "yes")), Task("multiclass", ("a", "b", "c")), Task("regression")],
    ids=lambda t: t.kind,
)
def test_predictions_are_read_as_they_were_written(tmp_path: Path, task: Task) -> None:
    prediction = np.linspace(0.0, 1.0, 5 * task.outputs, dtype=np.float32).reshape(5, task.outputs)
    label = np.array([0, 1, 0, 1, 1], dtype=np.float32)
    origin = {"kind": "out_of_fold", "dataset": "sha256:1"}
    Predictions.write(
        tmp_path / "p", task=task, row_id=ROW_ID, fold=FOLD, label=label, prediction=prediction, origin=origin
    )
    read = Predictions.read(tmp_path / "p")
    assert read.prediction.tolist() == prediction.tolist()
    assert read.prediction.shape == (5, task.outputs)
    assert (read.row_id.tolist(), read.fold.tolist()) == (ROW_ID.tolist(), FOLD.tolist())
    assert read.label.tolist() == label.tolist()
    assert (read.task, read.origin) == (task, origin)


def test_predictions_of_a_repeat_have_each_row_once(tmp_path: Path) -> None:
    written = Predictions.write(
        tmp_path / "p",
        task=Task("regression"),
        row_id=np.tile(ROW_ID, 2),
        repeat=np.repeat([0, 1], 5),
        fold=np.r_[FOLD, AGAIN],
        label=np.zeros(10, dtype=np.float32),
        prediction=np.arange(10, dtype=np.float32)[:, None],
        origin={},
    )
    again = written.of_repeat(1)
    assert (again.row_id.tolist(), again.fold.tolist()) == (ROW_ID.tolist(), AGAIN.tolist())
    assert (again.repeat.tolist(), again.prediction[:, 0].tolist()) == ([1] * 5, [5, 6, 7, 8, 9])


def test_edited_predictions_are_refused(tmp_path: Path) -> None:
    zero = np.zeros(5, dtype=np.float32)
    Predictions.write(
        tmp_path / "p",
        task=Task("regression"),
        row_id=ROW_ID,
        fold=FOLD,
        label=zero,
        prediction=zero[:, None],
        origin={},
    )
    file = tmp_path / "p" / "predictions.parquet"
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(ArtifactError, match=r"predictions\.parquet"):
        Predictions.read(tmp_path / "p")
