"""The figures of out-of-fold predictions on a page."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from foldline.artifacts import Predictions
from foldline.evaluation.calibration import NONE, Bin
from foldline.evaluation.plots import CAME_TRUE, draw_precision, draw_reliability, draw_roc
from foldline.report import Cell, Page, number

# More folds than this are shown by their lowest and highest score.
MOST_FOLDS = 10


def show_metrics(
    page: Page,
    figures: Mapping[str, Any],
    folds: Sequence[int],
    fold_metrics: Sequence[Mapping[str, float]],
    summary: Mapping[str, float],
) -> None:
    """A row for each metric: mean, standard error, both intervals and the folds; and what each interval is of.

    Args:
        figures: as `out_of_fold_figures` gives them.
        folds: number of each fold, in the order of `fold_metrics`.
        summary: mean of each metric, and its standard error as `<name>_standard_error`.
    """
    page.heading("Metrics")
    few = len(folds) <= MOST_FOLDS
    names = [f"fold {fold}" for fold in folds] if few else ["lowest fold", "highest fold"]
    rows: list[list[Cell]] = []
    for name in fold_metrics[0]:
        scores = [one[name] for one in fold_metrics]
        error = summary.get(f"{name}_standard_error")
        intervals = [_ends(figures.get(kind), name) for kind in ("resampled", "bootstrap")]
        rows.append([name, summary[name], error, *intervals, *(scores if few else (min(scores), max(scores)))])
    page.table(["", "mean", "standard error", "new training", "new rows", *names], rows)
    percent = 100 * figures["confidence"]
    if "resampled" in figures:
        page.text(f"New training: {percent:g} % interval of the {_said(figures['resampled'])}.")
    page.text(f"New rows: {percent:g} % interval of the {_said(figures['bootstrap'])}.")
    page.text(
        "Standard error: sd of the folds' scores / sqrt(folds). Folds share training rows, so it is too small; both "
        "intervals allow for what they name."
    )


def show_classification(page: Page, figures: Mapping[str, Any], predictions: Predictions) -> None:
    """Calibration of a classification; ROC, precision and recall, and threshold of a binary one.

    Curves are those of the first repeat.
    """
    predictions = predictions.of_repeat(0)
    task, label, prediction = predictions.task, predictions.label, predictions.prediction
    binary = task.kind == "binary"
    calibration = figures.get("calibration")
    if binary:
        page.heading("Curves")
        figure = Figure(figsize=(9, 4.0), layout="constrained")
        roc, precision = figure.subplots(1, 2)
        folds = sorted(set(predictions.fold.tolist()))
        own = {fold: predictions.fold == fold for fold in folds}
        draw_roc(roc, {f"fold {fold}": (label[own[fold]], prediction[own[fold], 0]) for fold in folds})
        draw_precision(precision, label, prediction[:, 0])
        page.plot(figure)
        _show_threshold(page, figures["threshold"])
    if calibration:
        page.heading("Calibration")
        bins = {name: [Bin(**one) for one in groups] for name, groups in calibration["bins"].items()}
        figure = Figure(figsize=(4.8, 4.2), layout="constrained")
        draw_reliability(figure.subplots(), task, bins)
        page.plot(figure)
        _show_calibration(page, calibration, bins, CAME_TRUE[task.kind])


def _show_threshold(page: Page, threshold: Mapping[str, Any]) -> None:
    page.heading("Threshold")
    criterion, alone = threshold["criterion"].replace("_", " "), threshold["of_folds"]
    page.text(
        f"A row is called positive above {number(threshold['value'])}, where {criterion} is largest on all out-of-fold "
        f"rows. Each fold alone would choose {number(min(alone))} to {number(max(alone))}. "
        "The metrics above are those at 0.5."
    )
    if threshold["metrics"]:
        page.text("Mean over folds, each judged by a threshold that was chosen on other folds:")
        page.figures(threshold["metrics"])


def _show_calibration(
    page: Page, calibration: Mapping[str, Any], bins: Mapping[str, Sequence[Bin]], came_true: str
) -> None:
    chosen = calibration["chosen"]
    if chosen == NONE:
        page.text("No map of the probabilities lowers the log loss by more than the standard error of the difference.")
    else:
        page.text(f"The map {chosen} lowers the log loss most. It is not part of the model; fit it where it is wanted.")
    header = ["map", "log loss", "Brier score", "calibration error", "lowers log loss by", "standard error"]
    page.table(header, [[name, *values.values()] for name, values in calibration["figures"].items()])
    page.text("A fold's map is fitted on the out-of-fold predictions of other folds. Groups of rows by prediction:")
    header = ["map", "rows", "mean prediction", came_true, "interval"]
    rows: list[list[Cell]] = [
        [name, one.rows, one.said, one.happened, f"{number(one.lower)} to {number(one.upper)}"]
        for name, groups in bins.items()
        for one in groups
    ]
    page.table(header, rows)


def _ends(kind: Mapping[str, Any] | None, name: str) -> str:
    if kind is None:
        return ""
    interval = kind["intervals"][name]
    return f"{number(interval['lower'])} to {number(interval['upper'])}"


def _said(kind: Mapping[str, Any]) -> str:
    return f"{kind['estimand']} ({kind['method']})"
