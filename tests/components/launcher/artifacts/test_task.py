"""The task of a label: what each kind of label is taken for, and how it is encoded."""

import math
from datetime import datetime

import pyarrow as pa
import pytest

from foldline.artifacts import Task
from foldline.artifacts.task import infer_task
from foldline.errors import ArgumentError, DataError, FoldlineError


def column(values: list[object], kind: pa.DataType | None = None) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(values, kind)])


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        ([True, False, True], "auto", Task("binary", ("false", "true"))),
        (["yes", "no"], "auto", Task("binary", ("no", "yes"))),
        (["b", "c", "a"], "auto", Task("multiclass", ("a", "b", "c"))),
        ([1, 0, 1], "auto", Task("binary", ("0", "1"))),
        ([2.0, 1.0], "auto", Task("binary", ("1", "2"))),
        ([10, 9, 2], "auto", Task("multiclass", ("2", "9", "10"))),
        (list(range(20)), "auto", Task("multiclass", tuple(map(str, range(20))))),
        (list(range(21)), "auto", Task("regression")),
        ([0.5, 1.0], "auto", Task("regression")),
        ([1, 0, 1], "regression", Task("regression")),
        (["yes", "no"], "multiclass", Task("multiclass", ("no", "yes"))),
        (list(range(25)), "multiclass", Task("multiclass", tuple(map(str, range(25))))),
    ],
    ids=str,
)
def test_the_task_of_a_label(values: list[object], kind: str, expected: Task) -> None:
    assert infer_task(column(values), "label", kind) == expected


@pytest.mark.parametrize(
    ("values", "kind", "error", "message"),
    [
        (
            ["a", "a"],
            "auto",
            DataError,
            r"label column 'label': expected at least two different values, got only \['a'\]",
        ),
        ([1.0, math.inf], "auto", DataError, "expected finite numbers"),
        ([1.0, math.nan], "auto", DataError, "expected finite numbers"),
        ([datetime(2013, 1, 1), datetime(2014, 1, 1)], "auto", DataError, "got times"),
        (["a", "b"], "regression", ArgumentError, "expected classification for a label of text"),
        ([0.5, 1.5], "binary", ArgumentError, "expected regression for the label 'label'"),
        (["a", "b", "c"], "binary", ArgumentError, "expected multiclass, got binary, but 'label' has 3 classes"),
        (["a", "b"], "ranking", ArgumentError, "task: expected auto or one of binary, .*got 'ranking'"),
    ],
    ids=[
        "one class",
        "infinite",
        "NaN",
        "times",
        "text regressed",
        "fractions classed",
        "three in binary",
        "unknown kind",
    ],
)
def test_a_label_that_cannot_be_learned_is_refused(
    values: list[object], kind: str, error: type[FoldlineError], message: str
) -> None:
    with pytest.raises(error, match=message):
        infer_task(column(values), "label", kind)


@pytest.mark.parametrize(
    ("task", "values", "expected"),
    [
        (Task("binary", ("false", "true")), [True, False], [1, 0]),
        (Task("multiclass", ("1", "2", "10")), [10.0, 1.0], [2, 0]),
        (Task("multiclass", ("a", "b", "c")), ["c", "a"], [2, 0]),
        (Task("regression"), [3, -1], [3, -1]),
        (Task("regression"), [0.25, 1.0], [0.25, 1.0]),
    ],
    ids=str,
)
def test_a_label_is_encoded(task: Task, values: list[object], expected: list[float]) -> None:
    assert task.encode(column(values)).tolist() == expected


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["a", "z"], r"label: expected one of the classes \['a', 'b'\], got 'z'"),
        (["a", None], "got 1 rows without one"),
    ],
    ids=["stranger", "missing"],
)
def test_a_value_that_is_no_class_is_refused(values: list[object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        Task("binary", ("a", "b")).encode(column(values))


@pytest.mark.parametrize(
    ("task", "outputs", "columns"),
    [
        (Task("binary", ("a", "b")), 1, ("prediction",)),
        (Task("regression"), 1, ("prediction",)),
        (Task("multiclass", ("a", "b", "c")), 3, ("prediction_0", "prediction_1", "prediction_2")),
    ],
    ids=lambda value: value.kind if isinstance(value, Task) else "",
)
def test_a_task_says_the_width_of_its_predictions(task: Task, outputs: int, columns: tuple[str, ...]) -> None:
    assert (task.outputs, task.prediction_columns) == (outputs, columns)
    assert Task.from_json(task.to_json()) == task
