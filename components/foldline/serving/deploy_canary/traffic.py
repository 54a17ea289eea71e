"""Rows that are sent as requests where no users are: of the dataset, or of a table that was kept from traffic."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from foldline.artifacts import Dataset, RawColumn
from foldline.errors import ArgumentError, DataError
from foldline.serving.deploy_canary import smoke

MOST_ROWS = 20_000
_ARGUMENT = "traffic_uri"
_TYPES = {
    "float64": pa.float64(),
    "int64": pa.int64(),
    "bool": pa.bool_(),
    "timestamp": pa.timestamp("us"),
    "string": pa.string(),
}
_NULLS = ["", "NA", "null", "NULL", "NaN", "nan"]


def of_dataset(dataset: Dataset, row_ids: pa.Array, columns: Sequence[RawColumn]) -> list[dict[str, Any]]:
    """The first MOST_ROWS of these rows of the dataset, as a client sends them."""
    table = dataset.table([column.name for column in columns])
    return smoke.records(table.filter(pc.is_in(table["row_id"], row_ids)).slice(0, MOST_ROWS), columns)


def of_file(path: str, columns: Sequence[RawColumn]) -> list[dict[str, Any]]:
    """The first MOST_ROWS of a table with the columns of the serving signature, and perhaps others.

    Args:
        path: a Parquet or CSV file of this machine; its order is the order of the requests.

    Raises:
        ArgumentError: there is no such file, it is another kind of file, or it has no row.
        DataError: a column is missing, or a value has another type.
    """
    file = Path(path)
    if not file.is_file() or file.suffix not in (".parquet", ".csv"):
        raise ArgumentError(_ARGUMENT, expected="a file NAME.parquet or NAME.csv of this machine", got=repr(path))
    types = {column.name: _TYPES[column.dtype] for column in columns}
    try:
        table = pyarrow.parquet.read_table(file) if file.suffix == ".parquet" else _csv(file, types)
        missing = [name for name in types if name not in table.column_names]
        if missing:
            raise DataError(f"table {file}", expected=f"the columns {', '.join(types)}", got=f"no {missing[0]!r}")
        table = table.select(list(types)).slice(0, MOST_ROWS).cast(pa.schema(list(types.items())))
    except pa.ArrowInvalid as fault:
        raise DataError(f"table {file}", expected="values of the model's columns", got=str(fault)[:200]) from None
    if not table.num_rows:
        raise ArgumentError(_ARGUMENT, expected="a table with rows", got=f"none in {file}")
    return smoke.records(table, columns)


def _csv(file: Path, types: dict[str, pa.DataType]) -> pa.Table:
    options = pyarrow.csv.ConvertOptions(
        # Times come with a zone or without; a stated type would take only one of the two.
        column_types={name: kind for name, kind in types.items() if not pa.types.is_timestamp(kind)},
        include_columns=list(types),
        null_values=_NULLS,
        strings_can_be_null=True,
    )
    try:
        return pyarrow.csv.read_csv(file, convert_options=options)
    except KeyError as fault:
        raise DataError(f"table {file}", expected=f"the columns {', '.join(types)}", got=str(fault)) from None
