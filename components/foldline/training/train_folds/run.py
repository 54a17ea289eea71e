"""Files of `train_folds`: artifacts in; predictions, training and report out."""

import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foldline.disk import room_for
from foldline.training.backend import use_backend
from foldline.training.search.settings import Settings

if TYPE_CHECKING:
    from foldline.training.train_folds.results import ClassificationLog, ScalarLog


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
    fitting: Mapping[str, Any],
    mode: str,
    checkpoint_uri: str,
    tuned: Mapping[str, Any],
    metrics: "ScalarLog",
    classification: "ClassificationLog",
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
    chosen = Settings(dict(hyperparameters), epochs, batch_size, learning_rate, patience, dict(fitting))
    if tuned:
        chosen = Settings.from_json(tuned)
        print(f"settings of the search: {json.dumps(chosen.to_json())}", flush=True)
    use_backend("jax", deterministic=chosen.fitting.get("deterministic") is True)

    from foldline.training.preparation import Parameters, Preparation
    from foldline.training.train_folds.results import Outputs, facts_of, write_results

    parameters = Parameters(
        model, model_code, chosen.hyperparameters, chosen.epochs, chosen.batch_size, chosen.learning_rate,
        chosen.patience, seed, chosen.fitting, mode, checkpoint_uri,
    )  # fmt: skip
    parameters.check()
    prepared = Preparation.read(dataset_path, folds_path, transform_path, parameters)
    print(f"training {len(prepared.folds)} folds, batches of {prepared.batch_size} rows", flush=True)
    fitted = prepared.train(partial(print, flush=True))
    print(f"{fitted.mode.name} on {fitted.device}: {'; '.join(fitted.mode.reasons)}", flush=True)
    outputs = Outputs(
        Path(predictions_path), Path(training_path), Path(report_path), metrics, classification, describe_predictions,
        describe_training,
    )  # fmt: skip
    curves = {"training": fitted.training_loss, "validation": fitted.validation_loss}
    write_results(
        prepared.table, prepared.scales, prepared.determined_by(), fitted.predictions, fitted.kept, fitted.epochs,
        fitted.learning_rates, curves, facts_of(fitted), outputs,
    )  # fmt: skip
    prepared.forget_checkpoint()
