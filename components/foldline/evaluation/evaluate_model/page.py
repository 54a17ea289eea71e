"""The report of an evaluation."""

import numpy as np
from matplotlib.figure import Figure
from sklearn.metrics import precision_recall_curve

from foldline.artifacts import Model, Predictions
from foldline.evaluation import metrics
from foldline.evaluation.per_row import Array
from foldline.report import Page

RELIABILITY_BINS = 10
MOST_POINTS = 5000


def evaluation(model: Model, predictions: Predictions, scores: dict[str, float]) -> Page:
    """A page with the metrics, beside those of the folds, and plots of the predictions of the test rows."""
    task, label, prediction = predictions.task, predictions.label, predictions.prediction
    page = Page("Evaluation", f"{model.label} ({task.kind}), {len(label)} test rows, scored once from the SavedModel")
    page.heading("Metrics")
    rows = [
        [name, value, model.metrics.get(name), model.metrics.get(f"{name}_standard_error")]
        for name, value in scores.items()
    ]
    page.table(["metric", "test rows", "mean of the folds", "standard error of that mean"], rows)
    if task.kind == "binary":
        page.heading("Curves")
        page.plot(_binary(label, prediction[:, 0]))
        page.text("Reliability: rows in ten groups of equal size by prediction; on the diagonal, what is said happens.")
    if task.is_classification:
        page.heading("Confusion matrix")
        counts = metrics.confusion(task, label, prediction)
        header = ["true class", *(f"predicted {name}" for name in task.classes), "rows"]
        page.table(header, [[name, *row, sum(row)] for name, row in zip(task.classes, counts, strict=True)])
        absent = [name for name, row in zip(task.classes, counts, strict=True) if not sum(row)]
        if absent:
            page.text(f"No test row is of class {', '.join(absent)}; means over classes leave it out.", "warn")
    else:
        page.heading("Residuals")
        page.plot(_residuals(label, prediction[:, 0]))
    page.heading("Origin")
    page.figures({"model": model.digest, **{str(key): str(value) for key, value in predictions.origin.items()}})
    return page


def reliability(label: Array, prediction: Array) -> tuple[Array, Array]:
    """Mean prediction and share of positives in groups of equal size by prediction; shape (n_groups,) each.

    Args:
        label: shape (n_rows,): 0 or 1.
        prediction: shape (n_rows,): probability of 1.
    """
    order = np.argsort(prediction, kind="stable")
    groups = np.array_split(order, min(RELIABILITY_BINS, len(order)))
    return (
        np.array([prediction[group].mean() for group in groups]),
        np.array([label[group].mean() for group in groups]),
    )


def _binary(label: Array, prediction: Array) -> Figure:
    figure = Figure(figsize=(11, 3.6), layout="constrained")
    roc, recall, reliable = figure.subplots(1, 3)
    false_rate, true_rate, _ = metrics.roc_points(label, prediction)
    roc.plot(false_rate, true_rate)
    roc.plot([0, 1], [0, 1], color="grey", linestyle=":")
    roc.set(title="ROC", xlabel="false positive rate", ylabel="true positive rate")
    precision, found, _ = precision_recall_curve(label, prediction)
    step = max(1, len(found) // MOST_POINTS)
    recall.plot(found[::step], precision[::step])
    recall.axhline(float(label.mean()), color="grey", linestyle=":")
    recall.set(title="Precision and recall", xlabel="recall", ylabel="precision", ylim=(0, 1.02))
    said, happened = reliability(label, prediction)
    reliable.plot([0, 1], [0, 1], color="grey", linestyle=":")
    reliable.plot(said, happened, marker="o")
    reliable.set(title="Reliability", xlabel="mean prediction", ylabel="share of positives")
    return figure


def _residuals(label: Array, prediction: Array) -> Figure:
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    against, spread = figure.subplots(1, 2)
    residual = label - prediction
    step = -(-len(label) // MOST_POINTS)
    against.scatter(prediction[::step], residual[::step], s=6, alpha=0.4, rasterized=True)
    against.axhline(0, color="grey", linestyle=":")
    against.set(title="Residual by prediction", xlabel="prediction", ylabel="label minus prediction")
    spread.hist(residual, bins=40)
    spread.set(title="Residuals", xlabel="label minus prediction", ylabel="rows")
    return figure
