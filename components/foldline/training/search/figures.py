"""Plots of a search: how it converged, what mattered, and the score along each parameter and across all of them.

All are narrow enough to be read on a phone; a page puts them side by side where it has the width.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullLocator

from foldline.report import number
from foldline.training.search import fields
from foldline.training.search.choice import beside
from foldline.training.search.definition import Definition
from foldline.training.search.parameters import Choice, Int, Parameter
from foldline.training.search.trial import COMPLETED, TrialRecord

WIDTH = 4.6
BEST, DONE, OTHER, SHADES = "#b3372c", "#3b6ea5", "#9aa0a6", "viridis"
# Text stands before the lines.
BEFORE: dict[str, Any] = {"bbox": {"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 0.8}, "zorder": 4}
LONGEST_LABEL = 24


def convergence_figure(steps: Sequence[Mapping[str, Any]], definition: Definition) -> Figure:
    """Score of each completed trial, and the best so far, by trainings of a fold until then.

    Args:
        steps: as `foldline.artifacts.search.Search.convergence` has them.
    """
    figure = Figure(figsize=(WIDTH, 3.2), layout="constrained")
    panel = figure.subplots()
    fits = [step["fold_fits"] for step in steps]
    panel.plot(fits, [step["value"] for step in steps], "o", color=OTHER, markersize=4, label="trial")
    kept = [step for step in steps if step["best"] is not None]
    panel.step(
        [step["fold_fits"] for step in kept],
        [step["best"] for step in kept],
        where="post",
        color=BEST,
        label="best so far",
    )
    panel.set(title="Completed trials", xlabel="trainings of one trial on one fold", ylabel=_score(definition))
    panel.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    panel.legend(fontsize="small", loc="lower right")
    return figure


def importance_figure(values: Mapping[str, float]) -> Figure:
    """A bar for each parameter, the most important on top."""
    figure = Figure(figsize=(WIDTH, 0.7 + 0.45 * len(values)), layout="constrained")
    panel = figure.subplots()
    places = range(len(values), 0, -1)
    panel.barh(places, list(values.values()), height=0.35, color=DONE)
    # Names stand above the bars: those of fitting are long.
    for place, (name, share) in zip(places, values.items(), strict=True):
        panel.text(0.0, place + 0.22, f"{name}  {100 * share:.0f} %", fontsize="small", va="bottom")
    panel.set(title="Importance", xlim=(0, max(1.05 * max(values.values()), 0.01)), ylim=(0.6, len(values) + 0.75))
    panel.yaxis.set_major_locator(NullLocator())
    panel.xaxis.set_major_locator(NullLocator())
    for side in panel.spines.values():
        side.set_visible(False)
    return figure


def slice_figures(trials: Sequence[TrialRecord], definition: Definition, best: TrialRecord) -> list[Figure]:
    """A figure for each parameter: the score by its value, of trials that were stopped as `choice.beside` gives it.

    Args:
        trials: those with a score.
    """
    return [_slice(parameter, trials, definition, best) for parameter in definition.space]


def _slice(parameter: Parameter, trials: Sequence[TrialRecord], definition: Definition, best: TrialRecord) -> Figure:
    figure = Figure(figsize=(WIDTH, 2.6), layout="constrained")
    panel = figure.subplots()
    own = [trial for trial in trials if parameter.name in trial.parameters]
    for completed, inside, edge in ((False, "none", OTHER), (True, DONE, DONE)):
        shown = [trial for trial in own if (trial.state == COMPLETED) is completed]
        across = [_along(parameter, trial.parameters[parameter.name]) for trial in shown]
        scores = [beside(trial, best, definition) for trial in shown]
        panel.scatter(across, scores, s=18, facecolors=inside, edgecolors=edge)
    if parameter.name in best.parameters:
        at = _along(parameter, best.parameters[parameter.name])
        panel.plot([at], [best.value(definition)], "o", color=BEST, markersize=7)
    if isinstance(parameter, Choice):
        panel.set_xticks(range(len(parameter.options)), [_label(value) for value in parameter.options])
        panel.set_xlim(-0.5, len(parameter.options) - 0.5)
    elif parameter.log:
        panel.set_xscale("log")
        ticks = [parameter.low * (parameter.high / parameter.low) ** (index / 3) for index in range(4)]
        panel.set_xticks(ticks, [_tick(parameter, tick) for tick in ticks])
        panel.xaxis.set_minor_locator(NullLocator())
    panel.set(title=parameter.name, ylabel=_score(definition))
    return figure


def parallel_figure(trials: Sequence[TrialRecord], definition: Definition, best: TrialRecord) -> Figure:
    """Parallel coordinates: a line for each trial with all folds runs down from parameter to parameter to its score.

    A trial that lacks a parameter passes it on the left, outside of the axis.
    """
    values = [trial.value(definition) for trial in trials]
    rows: list[Parameter | None] = [*definition.space, None]
    figure = Figure(figsize=(WIDTH, 0.8 + 0.75 * len(rows)), layout="constrained")
    panel = figure.subplots()
    places = [len(rows) - 1 - index for index in range(len(rows))]
    for parameter, place in zip(rows, places, strict=True):
        _axis(panel, parameter, place, values, definition)
    for trial, value, colour in zip(trials, values, _colours(values, definition), strict=True):
        across = [_share(parameter, trial, value, values) for parameter in rows]
        chosen = trial.number == best.number
        panel.plot(
            across,
            places,
            color=BEST if chosen else colour,
            linewidth=2.2 if chosen else 1,
            alpha=1 if chosen else 0.6,
            zorder=3 if chosen else 2,
        )
    panel.set(title="Trials with all folds, the best in red", xlim=(-0.1, 1.04), ylim=(-0.35, len(rows) - 0.35))
    panel.axis("off")
    return figure


def _colours(values: Sequence[float], definition: Definition) -> list[tuple[float, ...]]:
    """A colour for each score, darker for better ones."""
    worst, best = (min(values), max(values)) if definition.objective.sign > 0 else (max(values), min(values))
    shades = [(value - best) / (worst - best) if worst != best else 0.0 for value in values]
    return [colormaps[SHADES](0.9 * shade) for shade in shades]


def _axis(
    panel: Axes, parameter: Parameter | None, place: int, values: Sequence[float], definition: Definition
) -> None:
    panel.plot([0, 1], [place, place], color="black", linewidth=0.8, zorder=1)
    name = parameter.name if parameter else _score(definition)
    panel.text(0.0, place + 0.12, name, fontsize="small", weight="bold", **BEFORE)
    if isinstance(parameter, Choice):
        last = max(len(parameter.options) - 1, 1)
        ticks = [(index / last, _label(value)) for index, value in enumerate(parameter.options)]
    else:
        ends = (parameter.low, parameter.high) if parameter else (min(values), max(values))
        ticks = [(0.0, number(ends[0])), (1.0, number(ends[1]))]
    for at, text in ticks:
        sides = {0.0: "left", 1.0: "right"}
        panel.text(at, place - 0.12, text, fontsize="x-small", va="top", ha=sides.get(at, "center"), **BEFORE)


def _share(parameter: Parameter | None, trial: TrialRecord, value: float, values: Sequence[float]) -> float:
    """Where along its axis the trial passes, from 0 to 1; left of it where the trial lacks the parameter."""
    if parameter is None:
        spread = max(values) - min(values)
        return (value - min(values)) / spread if spread else 0.5
    if parameter.name not in trial.parameters:
        return -0.07
    at = _along(parameter, trial.parameters[parameter.name])
    if isinstance(parameter, Choice):
        return at / (len(parameter.options) - 1)
    low, high = parameter.low, parameter.high
    if parameter.log:
        at, low, high = math.log(at), math.log(low), math.log(high)
    return (at - low) / (high - low)


def _along(parameter: Parameter, value: Any) -> float:
    if isinstance(parameter, Choice):
        return [fields.text_of(option) for option in parameter.options].index(fields.text_of(value))
    return float(value)


def _tick(parameter: Parameter, value: float) -> str:
    return number(round(value)) if isinstance(parameter, Int) else number(float(f"{value:.2g}"))


def _label(value: Any) -> str:
    text = value if isinstance(value, str) else fields.text_of(value)
    return text if len(text) <= LONGEST_LABEL else f"{text[: LONGEST_LABEL - 1]}…"


def _score(definition: Definition) -> str:
    objective = definition.objective
    return objective.metric if objective.over_folds == "mean" else f"{objective.metric}, lower bound"
