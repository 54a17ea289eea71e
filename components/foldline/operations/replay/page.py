"""The page of a replay."""

from matplotlib.figure import Figure
from matplotlib.patches import Patch

from foldline.data.detect_drift.findings import DRIFT, FAULT, NOT_ENOUGH, QUIET, WATCH
from foldline.operations.replay.outcome import Outcome
from foldline.operations.replay.weeks import RETRAIN
from foldline.report import Page, number

COLOURS = {QUIET: "#9ccaa5", WATCH: "#e8c468", DRIFT: "#d9776a", FAULT: "#8a5a9e", NOT_ENOUGH: "#c8c8c8"}


def replay_page(outcome: Outcome) -> Page:
    """Errors with and without retraining over time, the states of the windows, and every week."""
    weeks = outcome.weeks
    page = Page(f"Replay of {outcome.model_name}", f"{weeks[0].start:%Y-%m-%d} to {weeks[-1].end:%Y-%m-%d}")
    page.text(headline(outcome))
    page.plot(_series(outcome))
    page.heading("Mean over the weeks")
    page.table(
        ["metric", "without retraining", "with retraining"],
        [[name.replace("_", " "), both["without"], both["with"]] for name, both in outcome.means().items()],
    )
    page.text(
        "Without retraining the first champion serves to the end. With retraining a new model serves from the week "
        "after its training, if it was better than the champion on rows that neither had seen."
    )
    if acted := [week for week in weeks if week.action]:
        page.heading("What was done")
        page.table(["at", "", "why"], [[f"{week.end:%Y-%m-%d}", week.action, week.said] for week in acted])
    page.heading("Weeks")
    error = outcome.metrics[0].replace("_", " ")
    rows = zip(weeks, outcome.without, outcome.with_retraining, strict=True)
    page.table(
        ["from", "rows", "state", "p", "alarms", f"{error} without", f"{error} with", "champion", "what was done"],
        [
            [
                f"{week.start:%Y-%m-%d}",
                without.rows,
                week.state,
                week.p,
                ", ".join(week.alarms),
                without.scores.get(outcome.metrics[0]),
                served.scores.get(outcome.metrics[0]),
                week.champion,
                week.action,
            ]
            for week, without, served in rows
        ],
    )
    return page


def headline(outcome: Outcome) -> str:
    """The outcome in a sentence or two."""
    times = {0: "No retraining", 1: "One retraining"}.get(outcome.retrainings, f"{outcome.retrainings} retrainings")
    said = f"{times} in {len(outcome.weeks)} weeks."
    both = outcome.means()[outcome.metrics[0]]
    if both["without"] is not None and both["with"] is not None:
        error = outcome.metrics[0].replace("_", " ")
        said += f" Mean {error}: {number(both['without'])} without, {number(both['with'])} with."
    if outcome.alerts:
        said += f" Weeks with an alert about a fault in the data: {outcome.alerts}."
    return said


def _series(outcome: Outcome) -> Figure:
    weeks, length = outcome.weeks, outcome.weeks[0].end - outcome.weeks[0].start
    figure = Figure(figsize=(10, 2.4 * len(outcome.metrics) + 0.9), layout="constrained")
    heights = [*([3.0] * len(outcome.metrics)), 0.7]
    *axes, strip = figure.subplots(len(heights), 1, sharex=True, height_ratios=heights)
    middle = [week.start + length / 2 for week in weeks]
    for axis, name in zip(axes, outcome.metrics, strict=True):
        for series, label, colour in (
            (outcome.without, "without retraining", "tab:orange"),
            (outcome.with_retraining, "with retraining", "tab:blue"),
        ):
            axis.plot(
                middle, [week.scores.get(name) for week in series], marker="o", markersize=3, label=label, color=colour
            )
        for week in weeks:
            if week.action == RETRAIN:
                axis.axvline(week.end, color="grey", linestyle=":")
        axis.set_ylabel(name.replace("_", " "))
    axes[0].legend(loc="best", fontsize=8)
    for week in weeks:
        strip.axvspan(week.start, week.end, color=COLOURS[week.state])
    strip.set(yticks=[], ylabel="state")
    shown = [state for state in COLOURS if any(week.state == state for week in weeks)]
    strip.legend(
        handles=[Patch(color=COLOURS[state], label=state) for state in shown],
        loc="upper center",
        bbox_to_anchor=(0.5, -0.6),
        ncols=len(shown),
        fontsize=8,
        frameon=False,
    )
    return figure
