"""Everything that out-of-fold predictions tell about a model, as plain values for an artifact."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foldline.artifacts import Assignment, Predictions
from foldline.evaluation.bootstrap import RESAMPLES, bootstrap_intervals
from foldline.evaluation.calibration import calibrate
from foldline.evaluation.metrics import within_range
from foldline.evaluation.resampled import corrected_interval
from foldline.evaluation.threshold import CRITERION, choose_threshold

CONFIDENCE = 0.95
OF_TRAINING = "mean score of models trained by the same code on as many other rows of the same kind"
OF_ROWS = "mean score of these models on other rows of the same kind; the variance of training is not in it"


def other_folds(assignment: Assignment) -> dict[int, tuple[int, ...]]:
    """For each predicted fold the predicted folds that its model was trained on; in forward chaining the earlier ones.

    What is chosen on their out-of-fold rows is chosen without a row of the fold itself; that their models were trained
    on it is a second-order effect.
    """
    predicted = assignment.predicted_folds
    return {fold: tuple(other for other in assignment.training_folds(fold) if other in predicted) for fold in predicted}


def mean_test_ratio(assignment: Assignment) -> float:
    """Rows that a fold scores over rows that its model is trained on, mean over folds."""
    ratios = [
        assignment.validation_rows(fold).sum() / assignment.training_rows(fold).sum()
        for fold in assignment.predicted_folds
    ]
    return float(np.mean(ratios))


def out_of_fold_figures(
    predictions: Predictions,
    fold_metrics: Sequence[dict[str, float]],
    others: Mapping[int, Sequence[int]],
    test_ratio: float,
    *,
    group: NDArray[np.int64] | None = None,
) -> dict[str, Any]:
    """Intervals of the metrics; of a classification also threshold (binary) and calibration.

    Args:
        predictions: those of all folds of all repeats.
        fold_metrics: metrics of each fold.
        others: as `other_folds` gives it; the keys are the folds.
        test_ratio: as `mean_test_ratio` gives it.
        group: rows that belong together have one number; shape (n_rows,). None where no two of them do. The
            predictions of one row in several repeats belong together in any case.

    Returns:
        `confidence`; `resampled` and `bootstrap`: `estimand`, `method` and `intervals` by metric (`value`,
        `standard_error`, `lower`, `upper`); `threshold` and `calibration` with the fields of `Threshold` and
        `Calibration`, the latter where at least two folds have others.
    """
    task, label, prediction, fold = predictions.task, predictions.label, predictions.prediction, predictions.fold
    figures: dict[str, Any] = {"confidence": CONFIDENCE}
    if len(fold_metrics) > 1:
        figures["resampled"] = {
            "estimand": OF_TRAINING,
            "method": f"corrected resampled t, {len(fold_metrics)} folds, scored over training rows {test_ratio:.4g}",
            "intervals": {name: _resampled(name, fold_metrics, test_ratio) for name in fold_metrics[0]},
        }
    drawn = "rows" if group is None else "groups of rows"
    if group is None and predictions.repeat.any():
        group = predictions.row_id
    intervals = bootstrap_intervals(task, label, prediction, fold=fold, group=group, confidence=CONFIDENCE)
    figures["bootstrap"] = {
        "estimand": OF_ROWS,
        "method": f"bootstrap over {drawn}, normal with bias and standard error of {RESAMPLES} resamples",
        "intervals": {name: asdict(interval) for name, interval in intervals.items()},
    }
    if task.kind == "binary":
        chosen = choose_threshold(task, label, prediction, fold, others)
        figures["threshold"] = {"criterion": CRITERION, **asdict(chosen), "of_folds": list(chosen.of_folds)}
    if task.is_classification and sum(bool(seen) for seen in others.values()) > 1:
        figures["calibration"] = asdict(calibrate(predictions, others, test_ratio))
    return figures


def _resampled(name: str, fold_metrics: Sequence[dict[str, float]], test_ratio: float) -> dict[str, float]:
    interval = corrected_interval([scores[name] for scores in fold_metrics], test_ratio, CONFIDENCE)
    lower, upper = within_range(name, interval.lower, interval.upper)
    return asdict(interval) | {"lower": lower, "upper": upper}
