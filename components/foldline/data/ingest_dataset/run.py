"""Files in, files out: a table at an address becomes a dataset in a folder."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import polars as pl

from foldline.artifacts.dataset import Dataset
from foldline.data.ingest_dataset.fetch import Source, fetch
from foldline.data.ingest_dataset.read import read_csv, read_parquet
from foldline.data.ingest_dataset.shape import Choice, shape, to_dataset_types
from foldline.disk import room_for
from foldline.errors import ArgumentError
from foldline.moments import parse_time

_PANDAS_INDEX = "__index_level_"


def run(
    source_uri: str,
    dataset_path: str | Path,
    *,
    format: str = "",  # noqa: A002
    label: str = "",
    columns: Sequence[str] = (),
    derived: Mapping[str, str] | None = None,
    where: str = "",
    time_column: str = "",
    time_start: str = "",
    time_end: str = "",
    key_columns: Sequence[str] = (),
    label_required: bool = True,
    describe: Callable[[dict[str, str | int]], object] = lambda summary: None,
    environment: Mapping[str, str] | None = None,
) -> Dataset:
    """Write the table at `source_uri` as a dataset at the new folder `dataset_path`.

    Args:
        describe: is given the dataset's summary, for the artifact's metadata.
        environment: where the endpoint and keys of an object store are read; None takes the process's own.
        Others: see the component's signature.

    Raises:
        ArgumentError: a parameter has a value that it cannot have, or names nothing that is there.
        DataError: the table is torn, empty, or has a column that a dataset cannot have.
        FoldlineError: the disk is full.
    """
    choice = Choice(
        label=label,
        columns=_names(columns, "columns"),
        derived=dict(derived or {}),
        where=where,
        time_column=time_column,
        time_start=parse_time(time_start, "time_start"),
        time_end=parse_time(time_end, "time_end"),
        key_columns=_names(key_columns, "key_columns"),
        label_required=label_required,
    )
    with room_for(dataset_path), tempfile.TemporaryDirectory(prefix="foldline-ingest-") as temporary:
        source = fetch(source_uri, format, Path(temporary), os.environ if environment is None else environment)
        frame, ignored, exclusions = _read(source, choice)
        frame, left_out = shape(frame, choice)
        dataset = Dataset.write(
            Path(dataset_path),
            to_dataset_types(frame),
            source={"uri": source.uri, "format": source.format, "ignored_columns": ignored, "derived": choice.derived},
            label=label,
            time_column=time_column,
            exclusions=(*exclusions, *left_out),
            key_columns=choice.key_columns,
        )
    describe(dataset.summary())
    print(f"{source.uri}: {dataset.rows} rows, {len(dataset.columns)} columns")
    for exclusion in dataset.exclusions:
        print(f"left out: {exclusion['rows']} rows, {exclusion['reason']}")
    return dataset


def _read(source: Source, choice: Choice) -> tuple[pl.DataFrame, list[str], list[dict[str, str | int]]]:
    """The source's rows, the names of its columns that only hold pandas' index, and what was left out of it."""
    exclusions: list[dict[str, str | int]] = []
    if source.format == "csv":
        frame, blank = read_csv(source.files[0], source.uri)
        if blank:
            exclusions.append({"reason": "line is blank", "rows": blank})
    else:
        frame = read_parquet(source, choice.needed())
    ignored = [name for name in frame.columns if name == "" or name.startswith(_PANDAS_INDEX)]
    ignored = [name for name in ignored if name not in choice.columns]
    return frame.drop(ignored), ignored, exclusions


def _names(values: Sequence[str], parameter: str) -> tuple[str, ...]:
    for value in values:
        if not isinstance(value, str) or not value:
            raise ArgumentError(parameter, expected="names of columns", got=repr(value))
    if len(set(values)) < len(values):
        raise ArgumentError(parameter, expected="each column once", got=repr(list(values)))
    return tuple(values)
