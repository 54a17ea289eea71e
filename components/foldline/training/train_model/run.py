"""Files of `train_model`: artifacts in; model and report out."""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foldline.artifacts import Model, Predictions, RawColumn
from foldline.artifacts.model import REFERENCE
from foldline.artifacts.training import Training
from foldline.disk import room_for
from foldline.errors import ArgumentError, ArtifactError
from foldline.training.backend import use_backend


@room_for("the outputs")
def run(
    dataset_path: str,
    folds_path: str,
    transform_path: str,
    training_path: str,
    predictions_path: str,
    model_path: str,
    report_path: str,
    model_code: str,
    checkpoint_uri: str,
    describe: Callable[[dict[str, Any]], None],
) -> None:
    """Train on all training rows as the training at `training_path` says, export, check, and write the model.

    Raises:
        ArgumentError: the model code or the file of initial weights is not the one that the folds were trained with.
        ArtifactError: an input is torn, or they do not belong together.
        ModelCodeError: the model code gives no usable model.
        TrainingError: a loss is not finite.
        ParityError: the exported model gives other predictions than the trained one.
    """
    training = Training.read(Path(training_path))
    use_backend("jax", deterministic=training.fitting["deterministic"])

    from foldline.features.apply import AppliedTransform
    from foldline.training.fit import fit
    from foldline.training.fitting.checkpoint import Checkpoint
    from foldline.training.fitting.settings import Fitting
    from foldline.training.fitting.weights_file import local_weights, weights_digest
    from foldline.training.linear_start import linear_start
    from foldline.training.model_code import code_digest, load_build_model, make_model
    from foldline.training.rows import TrainingTable
    from foldline.training.train_model.export import ExportProcess, Request
    from foldline.training.train_model.page import model_page
    from foldline.training.train_model.parity import check_parity, parity_rows
    from foldline.training.train_model.reference import write_reference

    build = load_build_model(training.model, model_code)
    if code_digest(build) != training.model_code_digest:
        raise ArgumentError(
            "model_code",
            expected=f"the code that the folds were trained with, {training.model_code_digest}",
            got=code_digest(build),
            fix="Pass the same model_code to both, or train the folds again.",
        )
    fitting = Fitting.parse(training.fitting, training.task)
    weights = weights_digest(fitting.initial_weights, os.environ)
    if weights != training.initial_weights_digest:
        raise ArgumentError(
            f"initial weights at {fitting.initial_weights}",
            expected=f"the file that the folds began with, sha256 {training.initial_weights_digest}",
            got=f"sha256 {weights}",
            fix="Put that file back, or train the folds again.",
        )
    table = TrainingTable.read(Path(dataset_path), Path(folds_path), Path(transform_path), fitting.weight_column)
    if training.origin != table.origin:
        raise ArtifactError(
            f"field origin of {training_path}", expected=f"{table.origin}", got=f"{training.origin}",
            fix="Train the folds on this dataset, with these folds and this transform.",
        )  # fmt: skip
    predictions = Predictions.read(Path(predictions_path))
    if predictions.origin != {"kind": "out_of_fold", **table.origin}:
        raise ArtifactError(
            f"field origin of {predictions_path}", expected=f"{table.origin}", got=f"{predictions.origin}",
            fix="Give the predictions of the same train_folds as the training.",
        )  # fmt: skip
    task, transform = training.task, table.transform
    checkpoint = None
    if checkpoint_uri:
        identity = {"purpose": "final", "training": training.digest}
        checkpoint = Checkpoint(checkpoint_uri, identity, os.environ, print)
    with ExportProcess() as process, local_weights(fitting.initial_weights, os.environ) as weights_file:
        checked = parity_rows(table.tensors)
        rows, scale = table.of_all(lambda folder: AppliedTransform.load(folder).apply, checked)
        print(f"training on all {len(table.row_id)} training rows for {training.epochs} epochs", flush=True)
        penalty = training.start_penalty
        start = linear_start(rows, transform.layout, task, penalty).values if penalty else None
        fitted = fit(
            partial(make_model, build, training.hyperparameters, transform.layout, task),
            task,
            rows,
            epochs=training.epochs,
            batch_size=training.batch_size,
            learning_rate=training.learning_rate,
            seed=training.seed,
            start=start,
            fitting=fitting,
            planned_steps=training.most_epochs * (len(table.row_id) // training.batch_size),
            weights_file=weights_file,
            checkpoint=checkpoint,
            rates=training.learning_rates,
            say=partial(print, flush=True),
        )
        target = Path(model_path)
        request = Request(
            model=training.model,
            model_code=model_code,
            hyperparameters=training.hyperparameters,
            layout=transform.layout,
            task=task,
            signature=transform.signature,
            transform=str(transform.final_folder),
            label_mean=scale.mean,
            label_sd=scale.sd,
            saved_model=str(target / "1"),
        )
        names = [*fitted.names[0], *fitted.names[1]]
        values = [value[0] for value in (*fitted.variables.trainable, *fitted.variables.non_trainable)]
        process.export(request, list(zip(names, values, strict=True)))
    print("exported; checking its predictions of raw rows", flush=True)
    raw = {name: column[checked] for name, column in table.tensors.items()}
    parity = check_parity(
        fitted.predictions[0] * np.float32(scale.sd) + np.float32(scale.mean),
        predict_raw(target / "1", raw, transform.signature),
        scale.sd,
        table.row_id[checked],
    )
    write_reference(target / REFERENCE, table.dataset, predictions, training.label)
    model = Model.seal(
        target,
        task=task,
        label=training.label,
        signature=transform.signature,
        origin={**table.origin, "training": training.digest},
        training={
            "rows": len(table.row_id),
            "window": table.dataset.time_window,
            "hold_out": table.folds.hold_out,
            "model": training.model,
            "model_code_digest": training.model_code_digest,
            "hyperparameters": training.hyperparameters,
            "start_penalty": training.start_penalty,
            "epochs": training.epochs,
            "batch_size": training.batch_size,
            "learning_rate": training.learning_rate,
            "seed": training.seed,
            "fitting": training.fitting,
            "folds": len(training.folds),
        },
        metrics=training.metrics,
        parity=parity,
        training_rows=table.row_id,
    )
    described = {"digest": model.digest, "task": task.kind, "label": model.label, "rows": len(table.row_id)}
    describe(described | model.metrics)
    model_page(model, [loss[0] for loss in fitted.training_loss]).write(Path(report_path))
    if checkpoint:
        checkpoint.remove()


def predict_raw(
    saved_model: Path, tensors: dict[str, NDArray[Any]], signature: tuple[RawColumn, ...]
) -> NDArray[np.float32]:
    """What `serving_default` of the SavedModel gives for raw tensors, shape (n_rows,) each; shape (n_rows, outputs)."""
    import tensorflow as tf

    from foldline.artifacts.tensor_names import tensor_names

    loaded = tf.saved_model.load(str(saved_model))
    names = tensor_names([column.name for column in signature])
    given = {names[column.name]: tf.constant(tensors[column.name], column.tensor_dtype) for column in signature}
    predictions: NDArray[np.float32] = loaded.signatures["serving_default"](**given)["predictions"].numpy()
    return predictions
