"""Scored tables: predictions beside the columns that a table has."""

import numpy as np
import pyarrow as pa
import pytest

from foldline.artifacts.scored import prediction_names, with_predictions
from foldline.artifacts.task import Task

BINARY = Task("binary", ("no", "yes"))


@pytest.mark.parametrize(
    ("task", "taken", "expected"),
    [
        (BINARY, [], ["prediction"]),
        (BINARY, ["prediction"], ["model_prediction"]),
        (BINARY, ["prediction", "model_prediction"], ["model_model_prediction"]),
        (Task("multiclass", ("a", "b", "c")), ["prediction_1"], [f"model_prediction_{index}" for index in range(3)]),
    ],
)
def test_predictions_have_names_that_the_table_has_not(task: Task, taken: list[str], expected: list[str]) -> None:
    assert prediction_names(task, taken) == expected


def test_what_is_no_number_is_no_prediction() -> None:
    table = pa.table({"a": [1, 2, 3]})
    scored = with_predictions(table, ["p"], np.array([[0.25], [np.nan], [np.inf]], np.float32))
    assert scored["p"].to_pylist() == [0.25, None, None]
    assert scored["p"].type == pa.float64()
    assert scored["a"].equals(table["a"])
