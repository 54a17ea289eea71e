"""Figures over time."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from foldline.operations.monitor_predictions.inputs.expected import TESTS

MOST_OUTPUTS, MOST_COLUMNS = 6, 8
_NAMES = {"roc_auc": "area under the ROC curve", "log_loss": "log loss", "rmse": "root mean squared error"}


def predictions(figures: dict[str, Any]) -> list[Figure]:
    """Mean, median and range of each output."""
    times = _times(figures["starts"])
    drawn = []
    for place, output in enumerate(figures["outputs"][:MOST_OUTPUTS]):
        values = {
            name: _values([one[place][name] if one else None for one in figures["statistics"]])
            for name in ("min", "median", "max", "mean", "deviation")
        }
        figure, panel = _panel(f"Prediction of {output}")
        panel.fill_between(times, values["min"], values["max"], color="tab:blue", alpha=0.1, label="range")
        spread = values["mean"] - values["deviation"], values["mean"] + values["deviation"]
        panel.fill_between(times, *spread, color="tab:blue", alpha=0.25, label="mean ± deviation")
        panel.plot(times, values["mean"], ".-", color="tab:blue", label="mean")
        panel.plot(times, values["median"], ":", color="black", label="median")
        panel.legend(fontsize="small")
        drawn.append(figure)
    return drawn


def performance(starts: Sequence[str], estimates: dict[str, Any] | None, labels: dict[str, Any]) -> list[Figure]:
    """Each metric as estimated, with its interval, and as it turned out."""
    drawn = []
    for name, real in labels["metrics"].items():
        figure, panel = _panel(_NAMES.get(name, name))
        if estimates:
            found = estimates[name]
            lower, upper, value = (
                _values([one[key] if one else None for one in found]) for key in ("lower", "upper", "value")
            )
            panel.fill_between(_times(starts), lower, upper, color="tab:blue", alpha=0.2)
            panel.plot(_times(starts), value, ".-", color="tab:blue", label="estimated")
        if any(value is not None for value in real):
            panel.plot(_times(labels["starts"]), _values(real), "x", color="tab:red", label="real")
        if panel.get_legend_handles_labels()[0]:
            panel.legend(fontsize="small")
        drawn.append(figure)
    return drawn


def bias(labels: dict[str, Any]) -> list[Figure]:
    """Predicted less observed, of each class or of the value."""
    times = _times(labels["starts"])
    count = max(map(len, labels["bias"]))
    drawn = []
    for place in range(min(count, MOST_OUTPUTS)):
        of_period = [one[place] if one else None for one in labels["bias"]]
        name = next(one["name"] for one in of_period if one)
        middle = _values([one["predicted"] - one["observed"] if one else None for one in of_period])
        lower, upper = (_values([one[key] if one else None for one in of_period]) for key in ("lower", "upper"))
        figure, panel = _panel(f"Bias of {name}")
        panel.axhline(0.0, color="grey", linestyle=":")
        panel.errorbar(times, middle, [middle - lower, upper - middle], fmt="o", markersize=4, capsize=2)
        drawn.append(figure)
    return drawn


def inputs(figures: dict[str, Any]) -> list[Figure]:
    """Shares that do not fit, of the columns that are nearest to an alarm, or largest where nothing is judged."""
    times, shares = _times(figures["predictions"]["starts"]), figures["inputs"]["shares"]
    judged = [member["name"].rpartition("/")[0] for member in figures["families"]["inputs"]["members"]]
    largest = sorted(shares, key=lambda name: -max(_largest(values) for values in shares[name].values()))
    columns = [name for name in dict.fromkeys(judged or largest) if any(map(_largest, shares[name].values()))]
    drawn = []
    for name in columns[:MOST_COLUMNS]:
        figure, panel = _panel(name)
        for test in TESTS:
            if _largest(shares[name][test]):
                panel.plot(times, _values(shares[name][test]), ".-", label=test)
        panel.set(ylabel="share of rows", ylim=(0.0, None))
        panel.legend(fontsize="small")
        drawn.append(figure)
    return drawn


def traffic(figures: dict[str, Any]) -> list[Figure]:
    """Each figure over time."""
    drawn = []
    for name, values in figures["figures"].items():
        figure, panel = _panel(name)
        panel.plot(_times(figures["starts"]), _values(values), ".-")
        panel.set_ylim(bottom=0.0)
        drawn.append(figure)
    return drawn


def _panel(title: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(4.9, 2.5), layout="constrained")
    panel = figure.subplots()
    panel.set_title(title)
    panel.tick_params(axis="x", labelrotation=30, labelsize="small")
    return figure, panel


def _times(starts: Sequence[str]) -> NDArray[np.datetime64]:
    # NumPy has no zones; the starts are in UTC.
    return np.array([datetime.fromisoformat(start).replace(tzinfo=None) for start in starts], dtype="datetime64[us]")


def _values(values: Sequence[float | None]) -> NDArray[np.float64]:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def _largest(values: Sequence[float | None]) -> float:
    return max((value for value in values if value is not None), default=0.0)
