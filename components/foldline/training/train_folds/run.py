"""Files of `train_folds`: artifacts in; predictions, training and report out."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from foldline.artifacts import Predictions
from foldline.artifacts.training import Training
from foldline.disk import room_for
from foldline.errors import ArgumentError
from foldline.training.backend import use_backend


class ScalarLog(Protocol):
    """What takes metrics; KFP's Metrics."""

    def log_metric(self, metric: str, value: float) -> None: ...


class ClassificationLog(Protocol):
    """What takes the figures of a classification; KFP's ClassificationMetrics."""

    def log_roc_curve(self, fpr: list[float], tpr: list[float], threshold: list[float]) -> None: ...

    def log_confusion_matrix(self, categories: list[str], matrix: list[list[int]]) -> None: ...


@room_for("the outputs")
def run(
    dataset_path: str,
    folds_path: str,
    transform_path: str,
    predictions_path: str,
    training_path: str,
    report_path: str,
    model: str,
    model_code: str,
    hyperparameters: Mapping[str, Any],
    epochs: int,
    batch_size: int,
    learning_rate: float,
    patience: int,
    seed: int,
    metrics: ScalarLog,
    classification: ClassificationLog,
    describe_predictions: Callable[[dict[str, Any]], None],
    describe_training: Callable[[dict[str, Any]], None],
) -> None:
    """Train the folds of a dataset and write what came of it.

    Raises:
        ArgumentError: a parameter has a value that it cannot have.
        ArtifactError: an input is torn, or they do not belong together.
        ModelCodeError: the model code gives no usable model.
        TrainingError: a fold cannot be trained or scored; names it.
    """
    check_arguments(epochs, batch_size, learning_rate, patience, seed)
    use_backend("jax")
    import jax

    from foldline.evaluation.metrics import confusion, roc_points
    from foldline.features.apply import AppliedTransform
    from foldline.training.fit import choose_batch_size, fit
    from foldline.training.linear_start import PACE, affordable, best_linear_start
    from foldline.training.model_code import code_digest, load_build_model, make_model, resolve_hyperparameters
    from foldline.training.rows import TrainingTable
    from foldline.training.train_folds.page import training_page
    from foldline.training.train_folds.scores import mean_and_standard_error, score_folds

    build = load_build_model(model, model_code)
    resolved = resolve_hyperparameters(build, hyperparameters)
    table = TrainingTable.read(Path(dataset_path), Path(folds_path), Path(transform_path))
    rows, scales = table.of_folds(lambda folder: AppliedTransform.load(folder).apply)
    task, folds = table.folds.task, table.assignment.predicted_folds
    batch_size = batch_size or choose_batch_size(min(len(own) for own in rows.training))
    device = jax.devices()[0].device_kind
    print(f"training {len(folds)} folds in one program on {device}, batches of {batch_size} rows", flush=True)
    start, layout = None, table.transform.layout
    default = not model and not model_code and not resolved.get("pace")
    if default and affordable(layout, task, len(table.row_id)):
        start = best_linear_start(rows, layout, task)
        resolved = {**resolved, "pace": PACE}
    fitted = fit(
        partial(make_model, build, resolved, layout, task),
        task,
        rows,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        seed=seed,
        patience=patience,
        start=start.values if start else None,
        say=partial(print, flush=True),
    )
    own = [table.assignment.fold == fold for fold in folds]
    labels = [table.label[mask] for mask in own]
    values = [
        prediction * np.float32(scale.sd) + np.float32(scale.mean)
        for prediction, scale in zip(fitted.predictions, scales, strict=True)
    ]
    scores = score_folds(task, folds, labels, values)
    summary = mean_and_standard_error(scores)
    written = Predictions.write(
        Path(predictions_path),
        task=task,
        row_id=np.concatenate([table.row_id[mask] for mask in own]),
        fold=np.repeat(folds, [len(label) for label in labels]),
        label=np.concatenate(labels),
        prediction=np.concatenate(values),
        origin={"kind": "out_of_fold", **table.origin},
    )
    training = Training(
        task=task,
        label=table.folds.label,
        model=model,
        model_code_digest=code_digest(build),
        hyperparameters=resolved,
        start_penalty=start.penalty if start else 0.0,
        epochs=fitted.epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        seed=seed,
        folds=list(folds),
        fold_metrics=scores,
        metrics=summary,
        curves={"training": fitted.training_loss, "validation": fitted.validation_loss},
        origin=table.origin,
        facts={
            "mode": "stacked",
            "device": device,
            "seconds": round(fitted.seconds, 2),
            "bytes_per_model": fitted.bytes_per_model,
            "jax": jax.__version__,
        },
    )
    training.write(Path(training_path))
    for name, value in summary.items():
        metrics.log_metric(name, value)
    if task.kind == "binary":
        points = roc_points(written.label, written.prediction)
        classification.log_roc_curve(*(axis.tolist() for axis in points))
    if task.is_classification:
        matrix = confusion(task, written.label, written.prediction)
        classification.log_confusion_matrix(list(task.classes), matrix)
    describe_predictions({"kind": "out_of_fold", "rows": len(written.label)})
    describe_training(training.summary())
    training_page(training, written).write(Path(report_path))


def check_arguments(epochs: int, batch_size: int, learning_rate: float, patience: int, seed: int) -> None:
    """Check the numbers that training takes.

    Raises:
        ArgumentError: one has a value that it cannot have.
    """
    limits = (("epochs", epochs, 1), ("batch_size", batch_size, 0), ("patience", patience, 1), ("seed", seed, 0))
    for name, value, least in limits:
        if value < least:
            raise ArgumentError(name, expected=f"at least {least}", got=str(value))
    if not 0.0 < learning_rate < float("inf"):
        raise ArgumentError("learning_rate", expected="a number above 0", got=str(learning_rate))
