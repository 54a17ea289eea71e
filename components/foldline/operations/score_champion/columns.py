"""New rows in the columns of older ones, whatever became of the source since."""

from collections.abc import Sequence

import pyarrow as pa

from foldline.artifacts import Column
from foldline.artifacts.dataset import DTYPES


def in_columns(table: pa.Table, wanted: Sequence[Column]) -> tuple[pa.Table, dict[str, list[str]]]:
    """The rows of `table` in the columns `wanted`, and what had to be changed for that.

    A column that is absent is missing in each row. One of another type is converted where no value is lost, else it is
    missing in each row too: a model takes no other type, and a source at fault is to be seen, not to end the watch.

    Returns:
        The table, and the names of columns that are `absent`, `converted` or `unusable`, and of those `ignored`, which
        only the new rows have; a kind without names is left out.
    """
    columns: list[pa.ChunkedArray] = []
    changed: dict[str, list[str]] = {}
    for column in wanted:
        values, kind = _converted(table, column.name, DTYPES[column.dtype])
        columns.append(values)
        if kind:
            changed.setdefault(kind, []).append(column.name)
    names = [column.name for column in wanted]
    if ignored := [name for name in table.column_names if name not in names]:
        changed["ignored"] = ignored
    return pa.table(columns, names=names), changed


def _converted(table: pa.Table, name: str, kind: pa.DataType) -> tuple[pa.ChunkedArray, str]:
    nothing = pa.chunked_array([pa.nulls(table.num_rows, kind)])
    if name not in table.column_names:
        return nothing, "absent"
    values = table[name]
    if values.type == kind:
        return values, ""
    if values.null_count == len(values):
        return nothing, ""
    try:
        return values.cast(kind), "converted"
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return nothing, "unusable"
