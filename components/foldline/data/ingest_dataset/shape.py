"""Shaping: derived columns, choice of rows and columns, and the types that a dataset has."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches

import polars as pl
import pyarrow as pa

from foldline.artifacts.dataset import DTYPES, ROW_ID
from foldline.errors import ArgumentError, DataError

_ROWS_PER_CHUNK = 1_000_000
# polars runs a subquery while it parses an expression, and a subquery can read any file of the machine. Comments could
# hide one. The text is refused whole, also where such a word stands in quotes.
_QUERY = re.compile(r"\bselect\b|\bread_\w+\W*\(|\(\s*(from|with|values|table)\b|/\*|--", re.IGNORECASE)


@dataclass(frozen=True)
class Choice:
    """What is to be kept of a table; the parameters of the component, absent ones empty."""

    label: str = ""
    columns: tuple[str, ...] = ()
    derived: Mapping[str, str] | None = None
    where: str = ""
    time_column: str = ""
    time_start: datetime | None = None
    time_end: datetime | None = None
    key_columns: tuple[str, ...] = ()
    label_required: bool = True

    def needed(self) -> set[str] | None:
        """Columns of the source that the choice depends on; None for all.

        Raises:
            ArgumentError: an expression is no SQL.
        """
        if not self.columns:
            return None
        written = [("where", self.where)] if self.where else []
        written += [(f"derived[{name!r}]", sql) for name, sql in (self.derived or {}).items()]
        named = {root for parameter, sql in written for root in parse_expression(sql, parameter).meta.root_names()}
        return named | {*self.columns, *self.key_columns, self.label, self.time_column}


def parse_expression(sql: str, parameter: str) -> pl.Expr:
    """The polars expression of an SQL expression.

    Raises:
        ArgumentError: it is not one expression over the row's own columns.
    """
    expected = "one SQL expression over the table's columns"
    if not isinstance(sql, str):
        raise ArgumentError(parameter, expected=expected, got=repr(sql))
    if _QUERY.search(sql):
        raise ArgumentError(parameter, expected=expected, got=f"a query or a comment in {sql!r}")
    try:
        return pl.sql_expr(sql)
    except pl.exceptions.PolarsError as fault:
        raise ArgumentError(parameter, expected=expected, got=f"{sql!r} ({_first_line(fault)})") from None


def shape(frame: pl.DataFrame, choice: Choice) -> tuple[pl.DataFrame, list[dict[str, str | int]]]:
    """The chosen rows and columns of `frame`, and what was left out (`reason` and `rows` each).

    Order: derived columns, `where`, time window, rows without a label where it is required, choice of columns.

    Raises:
        ArgumentError: a parameter names a column that is not there, or an expression cannot be evaluated.
        DataError: no row is left, the label is missing everywhere, or the time column has no times.
    """
    if ROW_ID in frame.columns:
        raise DataError(
            f"column {ROW_ID!r}",
            expected="a name other than that of the dataset's own identity",
            got=repr(ROW_ID),
            fix="Rename the column.",
        )
    if frame.is_empty():
        raise DataError("table", expected="at least one row", got="none")
    frame = _without_nan(frame)
    for name, sql in (choice.derived or {}).items():
        frame = _derive(frame, name, sql)
    _check_names(frame, choice)
    exclusions: list[dict[str, str | int]] = []

    def keep(frame: pl.DataFrame, condition: pl.Expr, reason: str) -> pl.DataFrame:
        kept = frame.filter(condition)
        if kept.height < frame.height:
            exclusions.append({"reason": reason, "rows": frame.height - kept.height})
        return kept

    if choice.where:
        frame = keep(frame, _condition(frame, choice.where), f"not true: {choice.where}")
        _require_rows(frame, "where", choice.where)
    if choice.time_column:
        frame = _with_times(frame, choice.time_column)
        if choice.time_start or choice.time_end:
            time = pl.col(choice.time_column)
            frame = keep(frame, time.is_not_null(), f"{choice.time_column} is missing")
            if choice.time_start:
                frame = keep(frame, time >= choice.time_start, f"before time_start {choice.time_start.isoformat()}")
            if choice.time_end:
                frame = keep(frame, time < choice.time_end, f"at or after time_end {choice.time_end.isoformat()}")
            _require_rows(frame, "time window", f"{choice.time_start} to {choice.time_end}")
    if choice.label and choice.label_required:
        rows = frame.height
        frame = keep(frame, pl.col(choice.label).is_not_null(), "label is missing")
        if frame.is_empty():
            raise DataError(f"label column {choice.label!r}", expected="values", got=f"none in {rows} rows")
    if choice.columns:
        always = [choice.label, choice.time_column, *choice.key_columns]
        frame = frame.select(list(dict.fromkeys([*choice.columns, *(name for name in always if name)])))
    return frame, exclusions


def to_dataset_types(frame: pl.DataFrame) -> pa.Table:
    """`frame` as an Arrow table whose columns have the types in `DTYPES`; times in UTC without a zone.

    Raises:
        DataError: a column has a type that a dataset cannot have, a whole number beyond 64 bits, or infinite numbers.
    """
    converted = frame.select(_convert(column) for column in frame)
    infinite = {column.name: int(column.is_infinite().sum()) for column in converted if column.dtype == pl.Float64}
    faults = {name: count for name, count in infinite.items() if count}
    if faults:
        first, *others = faults
        more = f", and columns {others} too" if others else ""
        raise DataError(
            f"column {first!r}",
            expected="finite numbers",
            got=f"{faults[first]} infinite ones{more}",
            fix="Correct them at the source, or leave the rows out with where.",
        )
    schema = pa.schema([(column.name, DTYPES[_dtype(column.dtype)]) for column in converted])
    parts = [converted.slice(start, _ROWS_PER_CHUNK) for start in range(0, converted.height, _ROWS_PER_CHUNK)]
    return pa.concat_tables([part.to_arrow().cast(schema) for part in parts])


def _dtype(dtype: pl.DataType) -> str:
    names = {pl.Int64: "int64", pl.Float64: "float64", pl.String: "string", pl.Boolean: "bool"}
    return names.get(type(dtype), "timestamp")


def _without_nan(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(column.fill_nan(None) for column in frame if column.dtype.is_float())


def _convert(column: pl.Series) -> pl.Series:
    kind = column.dtype
    if kind.is_integer():
        try:
            return column.cast(pl.Int64)
        except pl.exceptions.InvalidOperationError:
            beyond = column.cast(pl.Int64, strict=False).is_null() & column.is_not_null()
            raise DataError(
                f"column {column.name!r}",
                expected="whole numbers of 64 bits with a sign",
                got=str(column.filter(beyond)[0]),
                fix="Leave the column out with columns, or store it as text.",
            ) from None
    if kind.is_float() or kind.is_decimal():
        return column.cast(pl.Float64).fill_nan(None)
    if kind in (pl.String, pl.Categorical, pl.Enum, pl.Null):
        return column.cast(pl.String)
    if kind == pl.Boolean:
        return column
    if kind == pl.Date:
        return column.cast(pl.Datetime("us"))
    if isinstance(kind, pl.Datetime):
        moments = column.dt.convert_time_zone("UTC").dt.replace_time_zone(None) if kind.time_zone else column
        return moments.cast(pl.Datetime("us"))
    raise DataError(
        f"column {column.name!r}",
        expected="numbers, text, booleans or times",
        got=f"the type {kind}",
        fix="Convert it at the source, or leave it out with columns.",
    )


def _with_times(frame: pl.DataFrame, name: str) -> pl.DataFrame:
    kind = frame[name].dtype
    if not isinstance(kind, (pl.Date, pl.Datetime)):
        example = frame[name].drop_nulls().head(1).to_list()
        raise DataError(
            f"time_column {name!r}", expected="times (in CSV: ISO 8601 in each row)", got=f"{kind}, as {example}"
        )
    return frame.with_columns(_convert(frame[name]))


def _derive(frame: pl.DataFrame, name: str, sql: str) -> pl.DataFrame:
    parameter = f"derived[{name!r}]"
    if not name or name == ROW_ID or name in frame.columns:
        raise ArgumentError(parameter, expected="the name of a new column", got="one that is taken" if name else "none")
    expression = parse_expression(sql, parameter)
    derived = _evaluate(frame, expression, sql, parameter)
    return frame.with_columns(derived.alias(name))


def _condition(frame: pl.DataFrame, sql: str) -> pl.Expr:
    condition = _evaluate(frame, parse_expression(sql, "where"), sql, "where")
    if condition.dtype != pl.Boolean:
        raise ArgumentError("where", expected="a condition, true or false", got=f"{condition.dtype} from {sql!r}")
    return pl.lit(condition)


def _evaluate(frame: pl.DataFrame, expression: pl.Expr, sql: str, parameter: str) -> pl.Series:
    for name in expression.meta.root_names():
        _require_column(frame, name, parameter)
    try:
        return frame.with_columns(expression.alias("\0"))["\0"]
    except pl.exceptions.PolarsError as fault:
        raise ArgumentError(
            parameter, expected="an expression that fits the columns' types", got=f"{sql!r} ({_first_line(fault)})"
        ) from None


def _check_names(frame: pl.DataFrame, choice: Choice) -> None:
    if choice.label:
        _require_column(frame, choice.label, "label")
    if choice.time_column:
        _require_column(frame, choice.time_column, "time_column")
    elif choice.time_start or choice.time_end:
        given = "time_start" if choice.time_start else "time_end"
        raise ArgumentError("time_column", expected=f"a column for {given}", got="nothing")
    if choice.time_start and choice.time_end and choice.time_start >= choice.time_end:
        raise ArgumentError(
            "time_end", expected=f"a time after {choice.time_start.isoformat()}", got=choice.time_end.isoformat()
        )
    for name in choice.columns:
        _require_column(frame, name, "columns")
    for name in choice.key_columns:
        _require_column(frame, name, "key_columns")


def _require_column(frame: pl.DataFrame, name: str, parameter: str) -> None:
    if name in frame.columns:
        return
    nearest = get_close_matches(name, frame.columns, n=3, cutoff=0.5) or frame.columns[:10]
    raise ArgumentError(parameter, expected=f"a column of the table (nearest: {_listed(nearest)})", got=repr(name))


def _require_rows(frame: pl.DataFrame, parameter: str, value: str) -> None:
    if frame.is_empty():
        raise DataError(parameter, expected="a choice that leaves rows", got=f"none left by {value}")


def _listed(names: Sequence[str]) -> str:
    return ", ".join(repr(name) for name in names)


def _first_line(fault: Exception) -> str:
    return str(fault).splitlines()[0] if str(fault) else type(fault).__name__
