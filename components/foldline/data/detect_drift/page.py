"""The report of `detect_drift`."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from foldline.data.detect_drift.findings import (
    DRIFT,
    FAULT,
    NO_DRIFT,
    NOT_ENOUGH,
    QUIET,
    WATCH,
    Distribution,
    Findings,
    Member,
    Window,
)
from foldline.report import Page, number

TONES = {DRIFT: "bad", FAULT: "bad", NO_DRIFT: "good", NOT_ENOUGH: "warn"}
_COLOURS = {DRIFT: "tab:red", WATCH: "tab:orange", QUIET: "tab:green", FAULT: "tab:purple"}
_MOST_PLOTS = 6
_MOST_BARS = 24
_MOST_LETTERS = 14


def drift_page(found: Findings) -> Page:
    """A page with the verdict, the newest judged window's members in their rank, the series over time, distributions
    side by side, and what is not watched."""
    reference = found.reference
    model = f"model {reference['model_version']}, " if reference["model_version"] else ""
    page = Page(
        "Drift",
        f"{model}reference {_day(reference['start'])} to {_day(reference['end'])}: {number(reference['rows'])} rows in "
        f"{reference['periods']} periods",
    )
    page.text(found.reasons[0], TONES[found.verdict])
    for reason in found.reasons[1:]:
        page.text(reason)
    newest = found.newest_judged
    if newest is not None:
        _show_members(page, newest)
        _show_series(page, found, newest)
        _show_distributions(page, newest)
    if found.windows:
        page.heading("Windows")
        header = ["begin", "rows", "state", "p", "earlier pairs", "periods in the slice", "alarms"]
        page.table(header, [_window_row(window) for window in found.windows])
    if found.excluded:
        page.heading("Not watched")
        page.table(["column", "because"], [[one.column, one.reason] for one in found.excluded])
    page.heading("Policy")
    page.figures({name.replace("_", " "): value for name, value in found.policy.to_json().items()})
    if found.event is not None:
        page.text(f"Key of the event: {found.event.key}")
    return page


def _show_members(page: Page, window: Window) -> None:
    page.heading(f"Window {_day(window.start)} to {_day(window.end)}")
    page.table(
        ["tier", "what", "effect", "floor", "stability index", "deviation", "limit", "adjusted p", ""],
        [_member_row(member) for member in window.members],
    )
    page.text(
        "Effect: of columns the Jensen-Shannon divergence, of losses the increase as a share, of roc_auc its loss, of "
        "joint the area under the ROC curve of a classifier that tells the window's rows from earlier ones by how "
        f"columns go together. Deviation: from what is usual among {window.nulls} earlier periods, each held against "
        f"{window.slice_periods} periods as much older as here."
    )
    for reason in window.unjudged:
        page.text(f"Not judged: {reason}.", "warn")


def _show_series(page: Page, found: Findings, newest: Window) -> None:
    judged = [(window, window.p) for window in found.windows if window.members and window.p is not None]
    if len(judged) < 2:
        return
    page.heading("The series")
    figure = Figure(figsize=(9.5, 2.8), layout="constrained")
    panel = figure.subplots()
    panel.plot([_time(window) for window, _ in judged], [p for _, p in judged], color="grey", linewidth=1)
    for state in dict.fromkeys(window.state for window, _ in judged):
        there = [(_time(window), p) for window, p in judged if window.state == state]
        panel.plot([time for time, _ in there], [p for _, p in there], "o", color=_COLOURS[state], label=state)
    panel.axhline(found.policy.alpha, color="tab:red", linestyle="--", linewidth=1, label="alarm below")
    panel.axhline(found.policy.clear, color="tab:green", linestyle=":", linewidth=1, label="clear above")
    panel.set(ylim=(0, 1.02), ylabel="p of the window")
    _tilt_dates(panel)
    panel.legend(fontsize="small", loc="center left", bbox_to_anchor=(1.0, 0.5))
    page.plot(figure)
    page.plots([_member_series([window for window, _ in judged], member) for member in _worst(newest)])


def _member_series(judged: Sequence[Window], member: Member) -> Figure:
    figure = Figure(figsize=(3.2, 2.2), layout="constrained")
    panel = figure.subplots()
    same = [
        (_time(window), one)
        for window in judged
        for one in window.members
        if (one.name, one.measure) == (member.name, member.measure)
    ]
    times = [time for time, _ in same]
    panel.plot(times, [one.deviation for _, one in same], color="tab:blue", marker=".", linewidth=1)
    limits = [np.nan if one.threshold is None else one.threshold for _, one in same]
    panel.plot(times, limits, color="tab:red", linestyle="--", linewidth=1)
    alarms = [(time, one.deviation) for time, one in same if one.alarm]
    panel.plot([time for time, _ in alarms], [value for _, value in alarms], "o", color="tab:red")
    panel.set_title(f"{member.name}: deviation and limit", fontsize="medium")
    _tilt_dates(panel)
    return figure


def _show_distributions(page: Page, window: Window) -> None:
    by_name = {one.column: one for one in window.distributions}
    shown = [by_name[member.name] for member in _worst(window) if member.name in by_name]
    if shown:
        page.heading("Distributions")
        page.text(f"Grey: the reference's newest {window.slice_periods} periods. Blue: the window.")
        page.plots([_bars(one) for one in shown])


def _bars(one: Distribution) -> Figure:
    """Bars of the bins, or of those that differ most where they are many categories."""
    places = [place for place in range(len(one.bins)) if one.window[place] or one.reference[place]]
    if len(places) > _MOST_BARS:
        apart = np.abs(np.array(one.window) - np.array(one.reference))
        places = sorted(np.argsort(-apart, kind="stable")[:_MOST_BARS].tolist())
    figure = Figure(figsize=(4.7, 2.9), layout="constrained")
    panel = figure.subplots()
    position = np.arange(len(places))
    panel.bar(position - 0.2, [one.reference[place] for place in places], 0.4, color="darkgrey")
    panel.bar(position + 0.2, [one.window[place] for place in places], 0.4, color="tab:blue")
    names = [one.bins[place] for place in places]
    texts = [name if len(name) <= _MOST_LETTERS else f"{name[: _MOST_LETTERS - 1]}…" for name in names]
    panel.set_xticks(position, texts, rotation=60, ha="right", fontsize=7)
    panel.set_title(one.column, fontsize="medium")
    panel.set_ylabel("share of rows", fontsize="small")
    return figure


def _worst(window: Window) -> list[Member]:
    ranked = sorted(window.members, key=lambda one: (not one.alarm, one.p, -one.deviation))
    return ranked[:_MOST_PLOTS]


def _member_row(member: Member) -> list[str | float | None]:
    return [
        member.tier,
        member.name,
        member.effect,
        member.floor,
        member.psi,
        member.deviation,
        member.threshold,
        member.p,
        f"fault: {member.fault}" if member.fault else "alarm" if member.alarm else "",
    ]


def _window_row(window: Window) -> list[str | float | None]:
    return [
        _day(window.start),
        window.rows,
        window.state,
        window.p,
        window.nulls or None,
        window.slice_periods or None,
        window.reason or ", ".join(member.name for member in window.alarms),
    ]


def _time(window: Window) -> np.datetime64:
    return np.datetime64(window.start)


def _tilt_dates(panel: Axes) -> None:
    panel.tick_params(axis="x", labelrotation=30, labelsize="small")


def _day(time: str) -> str:
    """A time without its hours where these are midnight."""
    return time.removesuffix("T00:00:00").replace("T", " ")
