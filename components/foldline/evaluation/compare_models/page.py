"""The report of a comparison."""

from matplotlib.figure import Figure

from foldline.artifacts import Decision
from foldline.report import Page


def comparison(decision: Decision) -> Page:
    """A page with verdict, interval and every figure of `decision`."""
    figures, policy = decision.figures, decision.policy
    page = Page("Comparison", f"challenger {figures['challenger_version']} against {figures['champion']}")
    page.text(decision.reasons[0], "good" if decision.verdict == "promote" else "warn")
    for reason in decision.reasons[1:]:
        page.text(reason)
    page.plot(_interval(decision))
    page.text(f"Each end of the bar is a one-sided bound at {100 * policy['confidence']:g} % confidence.")
    page.heading("Figures")
    page.figures({name.replace("_", " "): value for name, value in figures.items()})
    page.heading("Policy")
    page.figures({name.replace("_", " "): value for name, value in policy.items()})
    return page


def _interval(decision: Decision) -> Figure:
    figures, least = decision.figures, decision.policy["minimum_gain"]
    figure = Figure(figsize=(8, 1.9), layout="constrained")
    axes = figure.subplots()
    axes.plot(
        [figures["gain_lower_bound"], figures["gain_upper_bound"]],
        [0, 0],
        color="tab:blue",
        linewidth=3,
        solid_capstyle="butt",
    )
    axes.plot([figures["gain"]], [0], "o", color="tab:blue", markersize=9)
    axes.axvline(0.0, color="grey", linestyle=":")
    if least:
        axes.axvline(least, color="tab:red", linestyle="--")
    axes.set(
        yticks=[], ylim=(-1, 1), xlabel=f"gain in {figures['gain_unit'].replace('_', ' ')} (right: challenger better)"
    )
    return figure
