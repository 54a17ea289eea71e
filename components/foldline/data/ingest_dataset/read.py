"""Reading: CSV and Parquet files as a polars frame, text turned into the type that all its values have."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from foldline.data.ingest_dataset.csv_form import examine, quoting_fault
from foldline.data.ingest_dataset.fetch import Source
from foldline.errors import DataError

MISSING = ("", "NA", "NaN", "null")
TRUTH = {"true": True, "false": False, "True": True, "False": False, "TRUE": True, "FALSE": False}
# Types are guessed from this many rows; where a later row does not fit, all rows are looked at.
GUESS_ROWS = 10_000
_TRIAL_ROWS = 1_000
_ISO_TIME = r"^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?$"


def read_csv(path: Path, shown: str) -> tuple[pl.DataFrame, int]:
    """The table in the CSV file `path`, and how many blank lines were left out.

    Empty fields and `MISSING` are missing values. A column is integer, float, boolean or time (ISO 8601) when all of
    its values are, else text.

    Raises:
        DataError: see `csv_form.examine`.
    """
    form = examine(path, shown)

    def read(guess_rows: int | None) -> pl.DataFrame:
        return pl.read_csv(
            path,
            separator=form.separator,
            null_values=list(MISSING),
            infer_schema=guess_rows is not None,
            infer_schema_length=guess_rows,
        )

    try:
        frame = read(GUESS_ROWS)
    except pl.exceptions.NoDataError:
        frame = pl.DataFrame(schema=dict.fromkeys(form.header, pl.String))
    except pl.exceptions.ComputeError:
        try:
            frame = read(None)
        except pl.exceptions.ComputeError as fault:
            raise quoting_fault(path, shown, form.separator, str(fault).splitlines()[0]) from None
    frame.columns = list(form.header)
    blank = 0
    if form.blank_lines and frame.width > 1:
        rows = frame.height
        frame = frame.filter(~pl.all_horizontal(pl.all().is_null()))
        blank = rows - frame.height
    return frame.with_columns(_typed(column) for column in frame if column.dtype == pl.String), blank


def _typed(text: pl.Series) -> pl.Series:
    present = text.drop_nulls()
    if present.is_empty():
        # Without a type of its own it fits any expression: a label whose values come later can be derived from it.
        return text.cast(pl.Null)
    for convert in (_whole, _number, _truth, _time):
        if convert(present.head(_TRIAL_ROWS)) is not None and (converted := convert(text)) is not None:
            return converted
    return text


def _complete(text: pl.Series, converted: pl.Series) -> pl.Series | None:
    return converted if converted.null_count() == text.null_count() else None


def _whole(text: pl.Series) -> pl.Series | None:
    stripped = text.str.strip_chars()
    small = _complete(text, stripped.cast(pl.Int64, strict=False))
    # Larger ones stay whole, so that the check of types can refuse them instead of rounding.
    return small if small is not None else _complete(text, stripped.cast(pl.Int128, strict=False))


def _number(text: pl.Series) -> pl.Series | None:
    return _complete(text, text.str.strip_chars().cast(pl.Float64, strict=False))


def _truth(text: pl.Series) -> pl.Series | None:
    return _complete(text, text.replace_strict(TRUTH, default=None, return_dtype=pl.Boolean))


def _time(text: pl.Series) -> pl.Series | None:
    if not text.str.contains(_ISO_TIME).all():
        return None
    return _complete(text, text.str.to_datetime(strict=False, time_unit="us", time_zone="UTC"))


def read_parquet(source: Source, needed: Collection[str] | None) -> pl.DataFrame:
    """The rows of Parquet files; folders named `key=value` become columns.

    Args:
        needed: columns to read; None reads all. Names that are not there are left for the caller to miss.

    Raises:
        DataError: a file cannot be read, or two columns share a name.
    """
    try:
        names = pq.read_schema(source.files[0]).names
    except (OSError, pa.ArrowInvalid) as fault:
        if getattr(fault, "errno", None) is not None:
            raise
        raise DataError(f"file {source.uri}", expected="Parquet that can be read", got=str(fault)) from None
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise DataError(
            f"columns of {source.uri}", expected="a different name for each column", got=f"{repeated[0]!r} twice"
        )
    try:
        scan = pl.scan_parquet(list(source.files), hive_partitioning=source.folder is not None)
        if needed is not None:
            scan = scan.select(name for name in scan.collect_schema().names() if name in needed)
        return scan.collect()
    except pl.exceptions.PolarsError as fault:
        raise DataError(
            f"file {source.uri}", expected="Parquet files of one schema", got=str(fault).splitlines()[0]
        ) from None
