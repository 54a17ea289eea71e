"""Raw serving signature: the columns that a model takes, a dtype each, and how a missing value looks in each dtype."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from foldline.errors import DataError

# What stands for a missing value in a tensor; JSON has null for all of them.
MISSING_INTEGER = np.iinfo(np.int64).min
MISSING_STRING = b""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_WITHOUT_ZONE = datetime(1970, 1, 1)
_MICROSECOND = timedelta(microseconds=1)

TENSOR_DTYPES: dict[str, str] = {
    "float64": "float32",
    "int64": "int64",
    "bool": "int64",
    "timestamp": "int64",
    "string": "string",
}


@dataclass(frozen=True)
class RawColumn:
    """A raw column of the serving signature.

    Attributes:
        name: the column's name in the dataset.
        dtype: its dtype in the dataset: `float64` travels as a float32 tensor (missing: NaN), `int64`, `bool` (0 and 1)
            and `timestamp` (microseconds since 1970 in UTC) as int64 (missing: the smallest int64), `string` as bytes
            (missing: empty).
    """

    name: str
    dtype: str

    @property
    def tensor_dtype(self) -> str:
        """`float32`, `int64` or `string`."""
        return TENSOR_DTYPES[self.dtype]


def tensors_from_table(table: pa.Table, columns: Sequence[RawColumn]) -> dict[str, NDArray[Any]]:
    """The raw tensors of a table's rows: shape (n_rows,) each, of the columns' tensor dtypes, bytes for strings."""
    return {column.name: _tensor(table[column.name], column) for column in columns}


def _tensor(values: pa.ChunkedArray, column: RawColumn) -> NDArray[Any]:
    if column.dtype == "string":
        filled = pc.fill_null(values.cast(pa.string()), "").combine_chunks()
        return np.asarray(filled.cast(pa.binary()).to_numpy(zero_copy_only=False), dtype=object)
    if column.dtype == "float64":
        return np.asarray(pc.fill_null(values.cast(pa.float64()), np.nan).to_numpy(), dtype=np.float32)
    whole = values.cast(pa.timestamp("us")).cast(pa.int64()) if column.dtype == "timestamp" else values.cast(pa.int64())
    return np.asarray(pc.fill_null(whole, MISSING_INTEGER).to_numpy(), dtype=np.int64)


def tensors_from_records(records: Sequence[Mapping[str, Any]], columns: Sequence[RawColumn]) -> dict[str, NDArray[Any]]:
    """The raw tensors of JSON records, one mapping of column name to value a row; null and absent are missing.

    Raises:
        DataError: a record names an unknown column, or a value has the wrong type; the message names row and column.
    """
    known = {column.name for column in columns}
    for row, record in enumerate(records):
        if not record.keys() <= known:
            unknown = sorted(set(record) - known)
            raise DataError(f"row {row}", expected=f"the columns {sorted(known)}", got=f"unknown columns {unknown}")
    return {
        column.name: tensor_from_values([record.get(column.name) for record in records], column) for column in columns
    }


def tensor_from_values(values: Sequence[Any], column: RawColumn) -> NDArray[Any]:
    """The raw tensor of one column's JSON values; shape (n_rows,)."""
    whole = _convert_whole(values, column)
    if whole is not None:
        return whole
    converted = [_convert(value, column, row) for row, value in enumerate(values)]
    return np.asarray(
        converted, dtype={"string": object, "float32": np.float32, "int64": np.int64}[column.tensor_dtype]
    )


def _convert_whole(values: Sequence[Any], column: RawColumn) -> NDArray[Any] | None:
    """The tensor of values that need no look at each: a server's requests are mostly such. Else None."""
    kinds = set(map(type, values))
    if column.dtype == "string" and kinds == {str}:
        return np.asarray([value.encode() for value in values], dtype=object)
    if column.dtype == "float64" and kinds == {float}:
        return np.asarray(values, dtype=np.float32)
    if column.dtype == "bool" and kinds == {bool}:
        return np.asarray(values, dtype=np.int64)
    if column.dtype == "int64" and kinds == {int} and min(values) > MISSING_INTEGER and max(values) < 2**63:
        return np.asarray(values, dtype=np.int64)
    return None


def _convert(value: Any, column: RawColumn, row: int) -> Any:
    kind = column.dtype
    if value is None:
        return {"string": MISSING_STRING, "float32": np.nan, "int64": MISSING_INTEGER}[column.tensor_dtype]
    if kind == "string" and isinstance(value, str):
        return value.encode()
    if kind == "bool" and isinstance(value, bool):
        return int(value)
    if kind == "timestamp" and isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            raise _wrong(value, column, row, "a time in ISO 8601") from None
        return (moment - (_EPOCH if moment.tzinfo else _EPOCH_WITHOUT_ZONE)) // _MICROSECOND
    whole = isinstance(value, int) and not isinstance(value, bool)
    if kind == "int64" and (whole or (isinstance(value, float) and value.is_integer())):
        if -(2**63) < value < 2**63:
            return int(value)
    elif kind == "float64" and (whole or isinstance(value, float)):
        return float(value)
    expected = {"string": "text", "bool": "true or false", "timestamp": "a time in ISO 8601"}
    raise _wrong(value, column, row, expected.get(kind, "a whole number of 64 bits" if kind == "int64" else "a number"))


def _wrong(value: Any, column: RawColumn, row: int, expected: str) -> DataError:
    return DataError(f"row {row}, column {column.name!r}", expected=f"{expected} or null", got=repr(value)[:80])
