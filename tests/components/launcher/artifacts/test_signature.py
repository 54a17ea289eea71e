"""Raw tensors: the same from a table as from JSON, a missing value in every dtype, wrong values by row and column."""

from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foldline.artifacts import RawColumn
from foldline.artifacts.signature import MISSING_INTEGER, tensor_from_values, tensors_from_records, tensors_from_table
from foldline.errors import DataError

COLUMNS = (
    RawColumn("height", "float64"),
    RawColumn("age", "int64"),
    RawColumn("well", "bool"),
    RawColumn("born", "timestamp"),
    RawColumn("name", "string"),
)
MICROSECOND = 1_380_585_600_000_000
WHOLE = st.integers(-(2**63) + 1, 2**63 - 1)


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "height": st.none() | st.floats(allow_nan=False, allow_infinity=False, width=32),
                "age": st.none() | WHOLE,
                "well": st.none() | st.booleans(),
                "born": st.none() | st.datetimes(datetime(1700, 1, 1), datetime(2200, 1, 1)),
                "name": st.none() | st.text(st.characters(codec="utf-8"), max_size=5),
            }
        ),
        min_size=1,
        max_size=8,
    )
)
def test_a_table_and_its_json_give_the_same_tensors(rows: list[dict[str, Any]]) -> None:
    schema = pa.schema(
        [("height", pa.float64()), ("age", pa.int64()), ("well", pa.bool_()), ("born", pa.timestamp("us")),
         ("name", pa.string())]
    )  # fmt: skip
    table = pa.Table.from_pylist(rows, schema=schema)
    records = [{**row, "born": row["born"] and row["born"].isoformat()} for row in rows]
    from_table, from_records = tensors_from_table(table, COLUMNS), tensors_from_records(records, COLUMNS)
    for column in COLUMNS:
        one, other = from_table[column.name], from_records[column.name]
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("float64", 1.5, 1.5),
        ("float64", 2, 2.0),
        ("int64", 2**53 + 1, 2**53 + 1),
        ("int64", 3.0, 3),
        ("int64", None, MISSING_INTEGER),
        ("bool", True, 1),
        ("bool", None, MISSING_INTEGER),
        ("timestamp", "2013-10-01", MICROSECOND),
        ("timestamp", "2013-10-01T02:00:00+02:00", MICROSECOND),
        ("timestamp", "2013-10-01T00:00:00.000001Z", MICROSECOND + 1),
        ("timestamp", "1969-12-31T23:59:59.999999", -1),
        ("string", "Québec", "Québec".encode()),
        ("string", None, b""),
    ],
)
def test_a_json_value_becomes_a_tensor_value(kind: str, value: object, expected: object) -> None:
    assert tensor_from_values([value], RawColumn("column", kind)).tolist() == [expected]


def test_a_missing_number_is_nan_and_an_absent_column_is_missing() -> None:
    tensors = tensors_from_records([{"height": None}], COLUMNS)
    assert np.isnan(tensors["height"][0])
    assert tensors["height"].dtype == np.float32
    assert tensors["age"].tolist() == [MISSING_INTEGER]
    assert tensors["name"].tolist() == [b""]


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"age": "30"}, r"row 1, column 'age': expected a whole number of 64 bits or null, got '30'"),
        ({"age": True}, r"row 1, column 'age': expected a whole number"),
        ({"age": 1.5}, r"row 1, column 'age': expected a whole number"),
        ({"age": 2**63}, r"row 1, column 'age': expected a whole number of 64 bits"),
        ({"age": -(2**63)}, r"row 1, column 'age': expected a whole number of 64 bits"),
        ({"height": "tall"}, r"row 1, column 'height': expected a number or null, got 'tall'"),
        ({"height": True}, r"row 1, column 'height': expected a number"),
        ({"well": 1}, r"row 1, column 'well': expected true or false or null, got 1"),
        ({"born": "yesterday"}, r"row 1, column 'born': expected a time in ISO 8601 or null, got 'yesterday'"),
        ({"born": 0}, r"row 1, column 'born': expected a time in ISO 8601"),
        ({"name": 7}, r"row 1, column 'name': expected text or null, got 7"),
        ({"weight": 7}, r"row 1: expected the columns .*, got unknown columns \['weight'\]"),
    ],
    ids=lambda value: str(next(iter(value.items()))) if isinstance(value, dict) else "",
)
def test_a_wrong_value_is_refused_by_row_and_column(record: dict[str, object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        tensors_from_records([{}, record], COLUMNS)
