"""The judgement of a series of windows: tables in, findings out."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from threadpoolctl import threadpool_limits

from foldline.data.detect_drift import family
from foldline.data.detect_drift.columns import Binned
from foldline.data.detect_drift.conclusion import concluded, looks_of
from foldline.data.detect_drift.course import course
from foldline.data.detect_drift.coverage import covered
from foldline.data.detect_drift.distances import shares
from foldline.data.detect_drift.fault import column_fault, table_fault
from foldline.data.detect_drift.findings import FAULT, NOT_ENOUGH, QUIET, TIERS, Distribution, Findings, Member, Window
from foldline.data.detect_drift.measures import Measure, measures
from foldline.data.detect_drift.observed import Observed
from foldline.data.detect_drift.periods import Axis, Ints, Pairs, pairs_of
from foldline.data.detect_drift.policy import Policy
from foldline.data.detect_drift.repeats import repeated_shares
from foldline.data.detect_drift.rows import Rows
from foldline.data.detect_drift.watched import Watched
from foldline.durations import seconds_of
from foldline.errors import DataError
from foldline.step_down import adjusted

_MICROSECONDS = 1_000_000


@dataclass(frozen=True)
class Series:
    """A reference and windows, ready to be judged.

    Attributes:
        repeated: share of each period's rows that repeat another; shape (n_periods,).
    """

    axis: Axis
    rows: Rows
    watched: Watched
    repeated: np.ndarray
    reference: dict[str, Any]


def judge_series(
    reference: Observed, window: Observed, *, every: str, exclude: Sequence[str] = (), policy: Policy
) -> Findings:
    """Judge one window, or consecutive windows, against the natural variation of `reference`.

    What is found of a window depends on the reference and the windows before it alone. A window without the reference's
    time column is one window right after it.

    Raises:
        ArgumentError: `every` is no duration, or `exclude` names a column that is not there.
        DataError: the reference has no time column, or nothing can be watched.
    """
    every_s = seconds_of(every, argument="every")
    # Many small matrices: threads cost more than they bring.
    with threadpool_limits(limits=1):
        return _series_judged(reference, window, every_s, exclude, policy)


def _series_judged(
    reference: Observed, window: Observed, every_s: int, exclude: Sequence[str], policy: Policy
) -> Findings:
    series = _prepared(reference, window, every_s, exclude)
    if not _is_timed(window, reference):
        # No second window will come that could confirm the first.
        policy = replace(policy, alarms=1, of_windows=1)
    windows: list[Window] = []
    for lag in series.axis.lags:
        natural = course(looks_of(windows), policy).natural
        windows.append(_judged(series, lag, natural, policy))
    return concluded(tuple(windows), series.watched.left_out, series.reference, policy)


def until(findings: Findings, count: int) -> Findings:
    """What stood after the first `count` windows of a series."""
    return concluded(findings.windows[:count], findings.excluded, findings.reference, findings.policy)


def _is_timed(window: Observed, reference: Observed) -> bool:
    return reference.time_column in window.table.column_names


def _prepared(reference: Observed, window: Observed, every_s: int, exclude: Sequence[str]) -> Series:
    time = reference.time_column
    if not time or not pa.types.is_timestamp(reference.table.schema.field(time).type):
        raise DataError(
            "reference",
            expected="a time column, by which its own periods are told apart",
            got=f"none (columns {', '.join(reference.inputs())})" if not time else f"{time!r}, which holds no times",
            fix="Name the time column when the table is ingested (time_column).",
        )
    reference, every = reference.timed(time), every_s * _MICROSECONDS
    known, end = reference.times(time), int(np.datetime64(reference.end, "us").astype(np.int64))
    if _is_timed(window, reference):
        window = window.timed(time)
        later = window.times(time)
        axis = Axis.of(known, later, end, every)
        periods = np.concatenate([axis.of_reference(known), axis.of_window(later)])
    else:
        later = np.full(len(window.table), end)
        axis = replace(Axis.of(known, later[:0], end, every), windows=1)
        periods = np.concatenate([axis.of_reference(known), np.full(len(later), axis.period(1))])
    rows = Rows.of(reference.table, window.table, periods, axis.periods)
    times = np.concatenate([known, later])[rows.order]
    watched = Watched.of(reference, rows, times, axis.reference, exclude)
    described = {
        "digest": reference.digest,
        "model_version": reference.model_version,
        "start": iso(int(known.min())) if len(known) else "",
        "end": iso(end),
        "rows": int(rows.starts[axis.reference]),
        "periods": axis.reference,
        "every_s": every_s,
    }
    return Series(axis, rows, watched, repeated_shares(watched, times, rows.starts), described)


def _judged(series: Series, lag: int, natural: frozenset[int], policy: Policy) -> Window:
    axis, sizes = series.axis, series.rows.sizes()
    period = axis.period(lag)
    rows = int(sizes[period])
    blank = Window(
        start=iso(axis.start(lag)),
        end=iso(axis.start(lag) + axis.every),
        lag=lag,
        rows=rows,
        state=NOT_ENOUGH,
        reason="",
        p=None,
        nulls=0,
        slice_periods=0,
        members=(),
    )
    usual = [earlier for earlier in range(axis.reference) if sizes[earlier] >= policy.minimum_rows]
    if usual:
        before = float(series.repeated[usual].max())
        smallest = int(sizes[usual].min())
        if said := table_fault(rows, smallest, policy.minimum_rows, float(series.repeated[period]), before):
            return replace(blank, state=FAULT, reason=said)
    if rows < policy.minimum_rows:
        return replace(blank, reason=f"{rows} rows, at least {policy.minimum_rows} are needed (minimum_rows)")
    known = {*usual, *(axis.period(one) for one in natural)}
    pairs = pairs_of(lag, axis.reference, known, policy.least_nulls)
    if pairs is None:
        return replace(
            blank,
            reason=f"{len(known)} earlier periods, too few for {policy.least_nulls} pairs of one with four before it",
        )
    watched, pairs, unjudged = covered(series.watched, pairs, policy)
    if not watched.columns:
        return replace(blank, reason="; ".join(unjudged))
    blank = replace(blank, nulls=pairs.nulls, slice_periods=pairs.length, unjudged=unjudged)
    return _ranked(replace(series, watched=watched), pairs, blank, policy)


def _ranked(series: Series, pairs: Pairs, blank: Window, policy: Policy) -> Window:
    found = measures(series.watched, pairs, blank.rows, policy)
    statistics = np.stack([one.statistics for one in found], axis=1)
    scores = family.standardised(statistics, np.array([one.least_scale for one in found]))
    effects = np.stack([one.effects for one in found], axis=1)
    floors = np.array([one.floor for one in found])
    p, thresholds = adjusted(family.material(scores, effects, floors), policy.alpha)
    members = [
        _member(series, pairs, one, float(scores[-1, place]), float(p[place]), float(thresholds[place]), policy)
        for place, one in enumerate(found)
    ]
    members.sort(key=lambda one: (TIERS.index(one.tier), one.p, -one.deviation))
    faults = [f"{one.name}: {one.fault}" for one in members if one.fault]
    return replace(
        blank,
        state=FAULT if faults else QUIET,
        reason="; ".join(faults),
        p=min(one.p for one in members),
        members=tuple(members),
        distributions=tuple(
            _distribution(one.column.binned, *one.counts) for one in found if one.column and one.counts
        ),
    )


def _distribution(binned: Binned, now: Ints, before: Ints) -> Distribution:
    return Distribution(binned.name, binned.names, tuple(shares(now).tolist()), tuple(shares(before).tolist()))


def _member(
    series: Series, pairs: Pairs, one: Measure, deviation: float, p: float, threshold: float, policy: Policy
) -> Member:
    alarm = p <= policy.alpha
    return Member(
        name=one.name,
        tier=one.tier,
        measure=one.measure,
        effect=float(one.effects[-1]),
        floor=one.floor,
        psi=one.psi,
        deviation=deviation,
        threshold=threshold if np.isfinite(threshold) else None,
        p=p,
        alarm=alarm,
        fault=_fault(series, pairs, one) if alarm else "",
    )


def _fault(series: Series, pairs: Pairs, one: Measure) -> str:
    if one.column is None or one.counts is None:
        return ""
    starts, period = series.rows.starts, int(pairs.periods[-1])
    first, last = pairs.slices()[-1]
    values = one.column.column.values
    return column_fault(
        one.column.binned,
        values[starts[period] : starts[period + 1]],
        values[starts[first] : starts[last]],
        *one.counts,
    )


def iso(microseconds: int) -> str:
    """A time as ISO 8601, to the second."""
    return str(np.datetime64(microseconds, "us").astype("datetime64[s]"))
