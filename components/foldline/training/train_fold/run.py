"""Files of `train_fold`: artifacts in; the training of one fold out."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from foldline.artifacts.fold_training import FoldTraining
from foldline.disk import room_for
from foldline.training.backend import use_backend

# The joint stop of all folds may lie beyond what one fold alone would wait for.
WAIT = 2


@room_for("the outputs")
def run(
    dataset_path: str,
    folds_path: str,
    transform_path: str,
    fold_training_path: str,
    fold: int,
    model: str,
    model_code: str,
    hyperparameters: Mapping[str, Any],
    epochs: int,
    batch_size: int,
    learning_rate: float,
    patience: int,
    seed: int,
    fitting: Mapping[str, Any],
    checkpoint_uri: str,
    describe: Callable[[dict[str, Any]], None],
) -> None:
    """Train one fold as it is trained among all, and write its predictions after every epoch.

    Raises:
        ArgumentError: a parameter has a value that it cannot have; there is no such fold; the model code has callbacks,
            which are to see the losses of all folds.
        ArtifactError: an input is torn, or they do not belong together.
        ModelCodeError: the model code gives no usable model.
        TrainingError: the fold cannot be trained.
    """
    use_backend("jax", deterministic=fitting.get("deterministic") is True)

    from foldline.errors import ArgumentError
    from foldline.training.fitting.settings import TOGETHER
    from foldline.training.model_code import CALLBACKS, load_callbacks
    from foldline.training.preparation import Parameters, Preparation
    from foldline.training.train_folds.results import facts_of

    parameters = Parameters(
        model, model_code, hyperparameters, epochs, batch_size, learning_rate, patience, seed, fitting, "sequential",
        checkpoint_uri,
    )  # fmt: skip
    parameters.check()
    prepared = Preparation.read(dataset_path, folds_path, transform_path, parameters).of_fold(int(fold))
    if load_callbacks(prepared.build):
        raise ArgumentError(
            f"{CALLBACKS} of the model code",
            expected="no callbacks where each fold is a task of its own: they would see its losses alone",
            got="some",
            fix="Train the folds in one task (cross_validate), or use field 'schedule' of fitting.",
        )
    if prepared.fitting.stopping == TOGETHER:
        prepared = replace(prepared, parameters=replace(parameters, patience=WAIT * patience))
    fitted = prepared.train(partial(print, flush=True), each_epoch=True)
    written = FoldTraining(
        fold=int(fold),
        determined_by=prepared.determined_by(),
        first_epoch=1 + len(fitted.training_loss) - len(fitted.validation_loss),
        training_loss=[loss for (loss,) in fitted.training_loss],
        validation_loss=[loss for (loss,) in fitted.validation_loss],
        predictions=np.stack([epoch[0] for epoch in fitted.each_epoch]),
        facts=facts_of(fitted),
    )
    written.write(Path(fold_training_path))
    prepared.forget_checkpoint(each_epoch=True)
    describe({"fold": int(fold), "epochs": len(fitted.training_loss), "lowest_loss": min(written.validation_loss)})
