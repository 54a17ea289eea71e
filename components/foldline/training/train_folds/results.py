"""What the training of the folds gives, written: predictions, training, metrics and page."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import jax
import numpy as np
from numpy.typing import NDArray

from foldline.artifacts import Predictions
from foldline.artifacts.training import Training
from foldline.evaluation.figures import mean_test_ratio, other_folds, out_of_fold_figures
from foldline.evaluation.groups import row_groups
from foldline.evaluation.metrics import confusion, roc_points
from foldline.training.fit import Fitted
from foldline.training.rows import Scale, TrainingTable
from foldline.training.train_folds.page import training_page
from foldline.training.train_folds.scores import mean_and_standard_error, score_folds


class ScalarLog(Protocol):
    """What takes metrics; KFP's Metrics."""

    def log_metric(self, metric: str, value: float) -> None: ...


class ClassificationLog(Protocol):
    """What takes the figures of a classification; KFP's ClassificationMetrics."""

    def log_roc_curve(self, fpr: list[float], tpr: list[float], threshold: list[float]) -> None: ...

    def log_confusion_matrix(self, categories: list[str], matrix: list[list[int]]) -> None: ...


@dataclass(frozen=True)
class Outputs:
    """Where the results of a cross-validation go.

    Attributes:
        predictions, training: folders to be made.
        report: the page's file.
        metrics, classification: what the user interface shows.
        describe_predictions, describe_training: take figures for the artifacts' metadata.
    """

    predictions: Path
    training: Path
    report: Path
    metrics: ScalarLog
    classification: ClassificationLog
    describe_predictions: Callable[[dict[str, Any]], None]
    describe_training: Callable[[dict[str, Any]], None]


def facts_of(fitted: Fitted) -> dict[str, Any]:
    """What is worth knowing of how a training ran."""
    return {
        "mode": fitted.mode.name,
        "models_at_once": fitted.mode.size,
        "reasons": "; ".join(fitted.mode.reasons),
        "device": fitted.device,
        "seconds": round(fitted.seconds, 2),
        "bytes_per_model": fitted.bytes_per_model,
        "jax": jax.__version__,
        **fitted.gpu,
    }


def write_results(
    table: TrainingTable,
    scales: Sequence[Scale],
    determined: Mapping[str, Any],
    predictions: Sequence[NDArray[np.float32]],
    kept: Sequence[int],
    epochs: int,
    learning_rates: Sequence[float],
    curves: dict[str, list[list[float]]],
    facts: dict[str, Any],
    outputs: Outputs,
) -> None:
    """Score the folds and write everything.

    Args:
        scales: what the label of each fold's model is standardised by.
        determined: what `Preparation.determined_by` gives.
        predictions: of each fold's rows, shape (n_rows, task.outputs), a label that is standardised.
        kept: the epoch whose weights each fold has; `epochs`: how long the final model is trained.
        learning_rates: as `Fitted` has them.
        curves: `training` and `validation`: a list for each epoch with the loss of each fold.

    Raises:
        TrainingError: a fold cannot be scored; names it.
    """
    task, folds = table.folds.task, table.assignment.predicted_folds
    own = [table.assignment.validation_rows(fold) for fold in folds]
    labels = [table.label[mask] for mask in own]
    values = [
        prediction * np.float32(scale.sd) + np.float32(scale.mean)
        for prediction, scale in zip(predictions, scales, strict=True)
    ]
    scores = score_folds(task, folds, labels, values)
    summary = mean_and_standard_error(scores)
    written = Predictions.write(
        outputs.predictions,
        task=task,
        row_id=np.concatenate([table.row_id[mask] for mask in own]),
        repeat=np.repeat([table.assignment.repeat_of(fold) for fold in folds], [len(label) for label in labels]),
        fold=np.repeat(folds, [len(label) for label in labels]),
        label=np.concatenate(labels),
        prediction=np.concatenate(values),
        origin={"kind": "out_of_fold", **table.origin},
    )
    training = Training(
        task=task,
        label=table.folds.label,
        **{**determined, "epochs": epochs},
        most_epochs=determined["epochs"],
        learning_rates=list(learning_rates),
        folds=list(folds),
        fold_metrics=scores,
        metrics=summary,
        figures=out_of_fold_figures(
            written,
            scores,
            other_folds(table.assignment),
            mean_test_ratio(table.assignment),
            group=row_groups(table.dataset, table.folds, written.row_id),
        ),
        curves=curves,
        facts={**facts, "kept": list(kept)},
    )
    training.write(outputs.training)
    for name, value in summary.items():
        outputs.metrics.log_metric(name, value)
    once = written.of_repeat(0)
    if task.kind == "binary":
        points = roc_points(once.label, once.prediction)
        outputs.classification.log_roc_curve(*(axis.tolist() for axis in points))
    if task.is_classification:
        matrix = confusion(task, once.label, once.prediction)
        outputs.classification.log_confusion_matrix(list(task.classes), matrix)
    outputs.describe_predictions({"kind": "out_of_fold", "rows": len(written.label)})
    outputs.describe_training(training.summary())
    training_page(training, written).write(outputs.report)
