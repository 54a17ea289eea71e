"""The report of an evaluation."""

from matplotlib.figure import Figure

from foldline.artifacts import Model, Predictions
from foldline.evaluation.calibration import confidence_of, reliability
from foldline.evaluation.plots import draw_precision, draw_reliability, draw_roc, show_confusion, show_residuals
from foldline.report import Page


def evaluation(model: Model, predictions: Predictions, scores: dict[str, float]) -> Page:
    """A page with the metrics, beside those of the folds, and plots of the predictions of the test rows."""
    task, rows = predictions.task, len(predictions.label)
    page = Page("Evaluation", f"{model.label} ({task.kind}), {rows} test rows, scored once from the SavedModel")
    page.heading("Metrics")
    page.table(
        ["metric", "test rows", "mean of the folds", "standard error of that mean"],
        [
            [name, value, model.metrics.get(name), model.metrics.get(f"{name}_standard_error")]
            for name, value in scores.items()
        ],
    )
    if task.is_classification:
        page.heading("Curves")
        page.plot(_curves(predictions))
        page.text("Reliability: rows in ten groups of equal size by prediction; on the diagonal, what is said happens.")
        show_confusion(page, predictions)
    else:
        show_residuals(page, predictions)
    page.heading("Origin")
    page.figures({"model": model.digest, **{str(key): str(value) for key, value in predictions.origin.items()}})
    return page


def _curves(predictions: Predictions) -> Figure:
    task, label, prediction = predictions.task, predictions.label, predictions.prediction
    groups = {"test rows": reliability(*confidence_of(task, label, prediction))}
    if task.kind != "binary":
        figure = Figure(figsize=(4, 3.6), layout="constrained")
        draw_reliability(figure.subplots(), task, groups)
        return figure
    figure = Figure(figsize=(11, 3.6), layout="constrained")
    roc, precision, reliable = figure.subplots(1, 3)
    draw_roc(roc, {"test rows": (label, prediction[:, 0])})
    draw_precision(precision, label, prediction[:, 0])
    draw_reliability(reliable, task, groups)
    return figure
