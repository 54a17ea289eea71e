"""Plots and tables of predictions that several reports show."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.metrics import precision_recall_curve

from foldline.artifacts import Predictions, Task
from foldline.evaluation import metrics
from foldline.evaluation.calibration import Bin
from foldline.evaluation.per_row import Array
from foldline.report import Page

MOST_POINTS = 5000
CAME_TRUE = {"binary": "share of positives", "multiclass": "share named rightly"}


def show_confusion(page: Page, predictions: Predictions) -> None:
    """The confusion matrix, and a word on classes that have no rows."""
    task = predictions.task
    page.heading("Confusion matrix")
    counts = metrics.confusion(task, predictions.label, predictions.prediction)
    header = ["true class", *(f"predicted {name}" for name in task.classes), "rows"]
    page.table(header, [[name, *row, sum(row)] for name, row in zip(task.classes, counts, strict=True)])
    absent = [name for name, row in zip(task.classes, counts, strict=True) if not sum(row)]
    if absent:
        page.text(f"No row is of class {', '.join(absent)}; means over classes leave it out.", "warn")


def show_residuals(page: Page, predictions: Predictions) -> None:
    """Residuals of a regression by prediction, and their histogram."""
    page.heading("Residuals")
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    against, spread = figure.subplots(1, 2)
    predicted = predictions.prediction[:, 0]
    residual = predictions.label - predicted
    step = -(-len(residual) // MOST_POINTS)
    against.scatter(predicted[::step], residual[::step], s=6, alpha=0.4, rasterized=True)
    against.axhline(0, color="grey", linestyle=":")
    against.set(title="Residual by prediction", xlabel="prediction", ylabel="label minus prediction")
    spread.hist(residual, bins=40)
    spread.set(title="Residuals", xlabel="label minus prediction", ylabel="rows")
    page.plot(figure)


def draw_roc(panel: Axes, curves: Mapping[str, tuple[Array, Array]]) -> None:
    """ROC curves of a binary task: label and probability by name."""
    for name, (label, probability) in curves.items():
        false_rate, true_rate, _ = metrics.roc_points(label, probability)
        panel.plot(false_rate, true_rate, linewidth=1, label=name)
    panel.plot([0, 1], [0, 1], color="grey", linestyle=":")
    panel.set(title="ROC", xlabel="false positive rate", ylabel="true positive rate")
    if len(curves) > 1:
        panel.legend(fontsize="small")


def draw_precision(panel: Axes, label: Array, probability: Array) -> None:
    """Precision by recall of a binary task, and the share of positives."""
    precision, recall, _ = precision_recall_curve(label, probability)
    step = max(1, len(recall) // MOST_POINTS)
    panel.plot(recall[::step], precision[::step])
    panel.axhline(float(np.mean(label)), color="grey", linestyle=":")
    panel.set(title="Precision and recall", xlabel="recall", ylabel="precision", ylim=(0, 1.02))


def draw_reliability(panel: Axes, task: Task, bins: Mapping[str, Sequence[Bin]]) -> None:
    """What happened by what was said, with intervals: a line for each name."""
    panel.plot([0, 1], [0, 1], color="grey", linestyle=":")
    for name, groups in bins.items():
        said, happened, lower, upper = (
            np.array([getattr(one, field) for one in groups]) for field in ("said", "happened", "lower", "upper")
        )
        # The ends are those of the share; rounding can leave it a hair outside.
        reach = np.maximum([happened - lower, upper - happened], 0.0)
        panel.errorbar(said, happened, reach, marker="o", markersize=4, linewidth=1, capsize=2, label=name)
    panel.set(title="Reliability", xlabel="mean prediction", ylabel=CAME_TRUE[task.kind])
    if len(bins) > 1:
        panel.legend(fontsize="small")
