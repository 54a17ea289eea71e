"""Columns that move by construction: times, parts of the calendar, counters, identifiers."""

import numpy as np

from foldline.data.detect_drift.columns import Binned
from foldline.data.detect_drift.distances import divergence, shares
from foldline.data.detect_drift.periods import Ints
from foldline.data.detect_drift.rows import Column

# Median divergence of successive periods above which a column has hardly a value twice.
FAR_APART = 0.6
# Share of rows with values of their own above which a column of text tells rows apart.
OWN_VALUES = 0.5
# Share of rows in which a column has to agree with a part of the calendar: zones of time shift some rows by a day.
CALENDAR_AGREES = 0.75
# So many steps in one direction, and none in the other, are no accident.
LEAST_STEPS = 8


def moving(column: Column, binned: Binned, times: Ints, reference: int) -> str:
    """Why a column is left out, in words; empty where it is not.

    Args:
        times: of the reference's rows in the order of `column`, in microseconds since 1970; shape (n_known,).
        reference: number of the reference's periods.
    """
    known = column.values[: len(times)]
    if not column.numeric:
        present = known[known >= 0]
        if len(present) and len(np.unique(present)) > OWN_VALUES * len(present):
            return "most of its values occur once: it tells rows apart"
    else:
        if part := _calendar_part(known, times):
            return f"it is the {part} of the time column"
        if _counts(known, binned.starts, reference):
            return "it only rises, or only falls, from period to period"
    if _far_apart(binned, reference) > FAR_APART:
        return "successive periods have few values in common"
    return ""


def _far_apart(binned: Binned, reference: int) -> float:
    """Median divergence of successive periods that have rows; 0 where there are no two."""
    apart = [
        float(
            divergence(*(shares(counts) for counts in binned.counts(period, period - 1, period, binned.rows(period))))
        )
        for period in range(1, reference)
        if binned.rows(period) and binned.rows(period - 1)
    ]
    return float(np.median(apart)) if apart else 0.0


def _calendar_part(values: np.ndarray, times: Ints) -> str:
    there = ~np.isnan(values)
    if not there.any() or (values[there] != np.floor(values[there])).any():
        return ""
    moments = times[there].astype("datetime64[us]")
    days, months, years = (moments.astype(f"datetime64[{unit}]") for unit in "DMY")
    month = months.astype(np.int64) % 12 + 1
    day_of_year = (days - years.astype("datetime64[D]")).astype(np.int64) + 1
    parts = {
        "year": years.astype(np.int64) + 1970,
        "quarter": (month + 2) // 3,
        "month": month,
        "week": _week(days),
        "day of the month": (days - months.astype("datetime64[D]")).astype(np.int64) + 1,
        "day of the year": day_of_year,
    }
    agreeing = (name for name, part in parts.items() if np.mean(values[there] == part) >= CALENDAR_AGREES)
    return next(agreeing, "")


def _week(days: np.ndarray) -> Ints:
    """Week of the year after ISO 8601: that of its Thursday."""
    number = days.astype(np.int64)
    thursday = (number - (number + 3) % 7 + 3).astype("datetime64[D]")
    january = thursday.astype("datetime64[Y]").astype("datetime64[D]")
    week: Ints = (thursday - january).astype(np.int64) // 7 + 1
    return week


def _counts(values: np.ndarray, starts: Ints, reference: int) -> bool:
    parts = [values[starts[period] : starts[period + 1]] for period in range(reference)]
    medians = np.array([np.nanmedian(part) for part in parts if (~np.isnan(part)).any()])
    steps = np.diff(medians)
    moved = steps[steps != 0]
    return len(moved) >= LEAST_STEPS and bool((moved > 0).all() or (moved < 0).all())
