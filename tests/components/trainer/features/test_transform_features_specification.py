"""What a specification may say, and what is filled in."""

import json
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from builders.feature_documents import DISAGREEING, DTYPES, WRONG, document
from foldline.artifacts import Column
from foldline.artifacts.dataset import DTYPES as ARROW
from foldline.errors import ArgumentError, DataError
from foldline.features.reading import read_document
from foldline.features.specification import candidates, complete
from foldline.features.statistics import collect, merge

COLUMNS = [Column(name, dtype) for name, dtype in DTYPES.items()]


@pytest.mark.parametrize(("stated", "what", "expected", "got"), WRONG + DISAGREEING)
def test_a_wrong_statement_is_rejected_by_column_and_key(stated: Any, what: str, expected: str, got: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        read_document(stated, COLUMNS, "late")
    assert what in caught.value.what
    assert expected in caught.value.expected
    assert got in caught.value.got


def test_whole_numbers_that_come_as_floats_are_taken_as_whole() -> None:
    stated = read_document(
        {"version": 1.0, "columns": {"carrier": {"kind": "categorical", "capacity": 20.0}}}, COLUMNS, "late"
    )
    assert stated["carrier"]["capacity"] == 20
    assert isinstance(stated["carrier"]["capacity"], int)


MONDAY = datetime(2024, 1, 1)
ROWS = 400


@pytest.mark.parametrize(
    ("dtype", "values", "became"),
    [
        ("float64", np.linspace(0, 1, ROWS), {"kind": "numeric", "missing_indicator": False, "impute": "median"}),
        ("float64", [None, *np.linspace(0, 1, ROWS - 1)], {"kind": "numeric", "missing_indicator": True}),
        ("float64", [None] * ROWS, {"kind": "ignore", "reason": "no values in the training rows"}),
        ("float64", [2.5] * ROWS, {"kind": "ignore", "reason": "the same value in every training row"}),
        ("float64", [None, *[2.5] * (ROWS - 1)], {"kind": "numeric", "missing_indicator": True}),
        ("int64", np.arange(ROWS) % 4, {"kind": "categorical", "capacity": 6, "minimum_count": 2}),
        ("int64", np.arange(ROWS) % 2, {"kind": "numeric"}),
        ("int64", np.arange(ROWS) % 5, {"kind": "numeric"}),
        ("int64", np.arange(ROWS), {"kind": "ignore", "reason": "counting rows"}),
        ("int64", np.arange(ROWS) + 2000, {"kind": "numeric"}),
        ("bool", np.arange(ROWS) % 2 == 0, {"kind": "boolean", "missing_indicator": False}),
        ("string", [f"w{i % 3}" for i in range(ROWS)], {"kind": "categorical", "capacity": 5}),
        ("string", [f"w{i % 3}" for i in range(ROWS - 1)] + ["once"], {"kind": "categorical", "capacity": 5}),
        ("string", [f"w{i}" for i in range(ROWS)], {"kind": "ignore", "reason": "an identifier: 400 different texts"}),
        ("string", [""] * ROWS, {"kind": "ignore", "reason": "no values in the training rows"}),
        ("string", ["", *["a"] * (ROWS - 1)], {"kind": "categorical", "capacity": 3}),
        (
            "timestamp",
            [MONDAY + timedelta(hours=i % 48) for i in range(ROWS)],
            {"kind": "datetime", "parts": ["hour", "day_of_week"]},
        ),
        ("timestamp", [MONDAY + timedelta(minutes=i % 60) for i in range(ROWS)], {"kind": "ignore"}),
    ],
)
def test_a_column_is_judged_by_its_dtype_and_values(dtype: str, values: Any, became: dict[str, Any]) -> None:
    column = Column("column", dtype)
    table = pa.table({"column": pa.array(values, ARROW[dtype])})
    training = merge(list(collect(table, [column], np.arange(ROWS) % 3).values()))
    fixed = complete([column], {}, training, label="late", excluded=())
    found = fixed.to_json()["columns"]["column"]
    assert became.pop("reason", "") in found.get("reason", "")
    assert {key: found[key] for key in became} == became


def test_a_written_specification_read_again_is_the_same() -> None:
    table = pa.table(
        {
            "distance": np.linspace(0, 1, ROWS),
            "stops": np.arange(ROWS) % 4,
            "express": np.arange(ROWS) % 2 == 0,
            "carrier": [f"w{i % 3}" for i in range(ROWS)],
            "leaves": pa.array([MONDAY + timedelta(hours=i) for i in range(ROWS)], pa.timestamp("us")),
        }
    )
    training = merge(list(collect(table, COLUMNS[:-1], np.arange(ROWS) % 3).values()))
    first = complete(COLUMNS, {}, training, label="late", excluded=["stops"])
    text = json.dumps(first.to_json())
    stated = read_document(json.loads(text), COLUMNS, "late")
    assert candidates(COLUMNS, stated, "late", ["stops"]) == [COLUMNS[0], COLUMNS[2], COLUMNS[3], COLUMNS[4]]
    again = complete(COLUMNS, stated, training, label="late", excluded=["stops"])
    assert again == first
    assert json.dumps(again.to_json()) == text


def test_stated_keys_stand_and_the_others_come_from_the_training_rows() -> None:
    table = pa.table({"carrier": ["a", "a", "a", "b", "b", "c"] * 10, "distance": [None, 1.0, 2.0] * 20})
    columns = [Column("carrier", "string"), Column("distance", "float64"), Column("stops", "int64")]
    stated = read_document(
        document(carrier={"kind": "categorical", "minimum_count": 11}, distance={"kind": "numeric", "clip": None}),
        columns,
        "late",
    )
    training = merge([collect(table, columns[:2], np.zeros(60, dtype=np.int64))[0]])
    fixed = complete(columns, stated, training, label="late", excluded=()).to_json()["columns"]
    assert fixed["carrier"] == {"kind": "categorical", "capacity": 4, "minimum_count": 11}
    assert fixed["distance"] == {
        "kind": "numeric",
        "impute": "median",
        "missing_indicator": True,
        "clip": None,
        "scale": "z_score",
    }
    assert fixed["stops"] == {"kind": "ignore", "reason": "not named in the specification"}


def test_a_stated_feature_without_values_is_rejected_by_name() -> None:
    columns = [Column("distance", "float64")]
    table = pa.table({"distance": pa.array([None] * 5, pa.float64())})
    stated = read_document(document(distance={"kind": "numeric"}), columns, "late")
    training = collect(table, columns, np.zeros(5, dtype=np.int64))[0]
    with pytest.raises(DataError, match=r"'distance', stated as numeric: .* got 5 training rows, all without one"):
        complete(columns, stated, training, label="late", excluded=())
