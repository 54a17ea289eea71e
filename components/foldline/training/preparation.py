"""From artifacts and parameters to all that the training of folds takes."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Self

from foldline.artifacts import Folds, Task
from foldline.errors import ArgumentError
from foldline.features.apply import AppliedTransform
from foldline.training.fit import Fitted, check_batch_size, choose_batch_size, fit
from foldline.training.fitting.checkpoint import Checkpoint
from foldline.training.fitting.rows import Rows
from foldline.training.fitting.settings import Fitting
from foldline.training.fitting.weights_file import local_weights, weights_digest
from foldline.training.linear_start import PACE, LinearStart, affordable, best_linear_start
from foldline.training.model_code import (
    BuildModel,
    code_digest,
    load_build_model,
    load_callbacks,
    make_model,
    resolve_hyperparameters,
)
from foldline.training.rows import Scale, TrainingTable
from foldline.training.train_folds.scores import check_folds


@dataclass(frozen=True)
class Parameters:
    """What a user says of a training.

    Attributes:
        model, model_code: what builds the model; see `load_build_model`.
        hyperparameters: arguments of that function.
        batch_size: rows a step; 0 chooses.
        fitting: the document that `Fitting.parse` reads.
        mode: `auto`, `stacked`, `sequential`, or how many folds at once.
        checkpoint_uri: folder or address for checkpoints; none when empty.
    """

    model: str
    model_code: str
    hyperparameters: Mapping[str, Any]
    epochs: int
    batch_size: int
    learning_rate: float
    patience: int
    seed: int
    fitting: Mapping[str, Any]
    mode: str
    checkpoint_uri: str

    def check(self) -> None:
        """Check the numbers.

        Raises:
            ArgumentError: one has a value that it cannot have.
        """
        for name, least in (("epochs", 1), ("batch_size", 0), ("patience", 1), ("seed", 0)):
            value = getattr(self, name)
            if value < least:
                raise ArgumentError(name, expected=f"at least {least}", got=str(value))
        if not 0.0 < self.learning_rate < float("inf"):
            raise ArgumentError("learning_rate", expected="a number above 0", got=str(self.learning_rate))


@dataclass(frozen=True)
class Preparation:
    """All folds of a table, ready to be trained."""

    parameters: Parameters
    fitting: Fitting
    table: TrainingTable
    build: BuildModel
    hyperparameters: dict[str, Any]
    rows: Rows
    scales: list[Scale]
    batch_size: int
    start: LinearStart | None
    initial_weights_digest: str
    # Training rows of the largest of all folds, where not all of them are here.
    most_rows: int = 0

    @classmethod
    def read(cls, dataset_path: str, folds_path: str, transform_path: str, parameters: Parameters) -> Self:
        """Read the artifacts, which must belong together.

        Raises:
            ArgumentError: a parameter has a value that it cannot have.
            ArtifactError: an input is torn, or they do not belong together.
            ModelCodeError: there is no such model code.
            TrainingError: a fold cannot be trained or scored; names it.
        """
        build = load_build_model(parameters.model, parameters.model_code)
        resolve_hyperparameters(build, parameters.hyperparameters)
        fitting = Fitting.parse(parameters.fitting, Folds.read(Path(folds_path)).task)
        table = TrainingTable.read(Path(dataset_path), Path(folds_path), Path(transform_path), fitting.weight_column)
        numbers = table.assignment.predicted_folds
        labels = [table.label[table.assignment.validation_rows(number)] for number in numbers]
        check_folds(table.folds.task, numbers, labels)
        rows, scales = table.of_folds(lambda folder: AppliedTransform.load(folder).apply)
        return cls(parameters, fitting, table, build, {}, rows, scales, 0, None, "").under(parameters)

    def under(self, parameters: Parameters) -> Self:
        """The same rows under other parameters, of the same model code.

        Raises:
            ArgumentError: a parameter has a value that it cannot have, or asks for other weights of the rows.
        """
        resolved = resolve_hyperparameters(self.build, parameters.hyperparameters)
        fitting = Fitting.parse(parameters.fitting, self.task)
        if fitting.weight_column != self.fitting.weight_column:
            expected = f"{self.fitting.weight_column!r}, as the rows were read"
            raise ArgumentError("field 'weight_column' of fitting", expected=expected, got=repr(fitting.weight_column))
        layout = self.table.transform.layout
        start = None
        plain = not parameters.model and not parameters.model_code and not resolved.get("pace")
        # The linear models minimise the default loss of rows that count alike.
        plain = plain and not (fitting.loss.name or fitting.class_weight or fitting.weight_column)
        plain = plain and not fitting.initial_weights
        if plain and affordable(layout, self.task, len(self.table.row_id)):
            start = self.start or best_linear_start(self.rows, layout, self.task)
            resolved = {**resolved, "pace": PACE}
        smallest = min(len(own) for own in self.rows.training)
        size = parameters.batch_size or choose_batch_size(smallest)
        check_batch_size(size, self.rows)
        digest = weights_digest(fitting.initial_weights, os.environ)
        return replace(
            self,
            parameters=parameters,
            fitting=fitting,
            hyperparameters=resolved,
            batch_size=size,
            start=start,
            initial_weights_digest=digest,
        )

    @property
    def folds(self) -> tuple[int, ...]:
        return self.rows.folds

    @property
    def task(self) -> Task:
        return self.table.folds.task

    def of_fold(self, number: int) -> Self:
        """One fold of them, prepared as it is among all.

        Raises:
            ArgumentError: there is no such fold.
        """
        if number not in self.folds:
            raise ArgumentError("fold", expected=f"one of {list(self.folds)}", got=str(number))
        index = self.folds.index(number)
        only = slice(index, index + 1)
        start = self.start and LinearStart(
            self.start.penalty, {path: value[only] for path, value in self.start.values.items()}
        )
        most = max(len(own) for own in self.rows.training)
        return replace(self, rows=self.rows.of(only), scales=self.scales[only], start=start, most_rows=most)

    def train(self, say: Any, *, each_epoch: bool = False) -> Fitted:
        """Train the folds."""
        given = self.parameters
        with local_weights(self.fitting.initial_weights, os.environ) as weights_file:
            return fit(
                partial(make_model, self.build, self.hyperparameters, self.table.transform.layout, self.task),
                self.task,
                self.rows,
                epochs=given.epochs,
                batch_size=self.batch_size,
                learning_rate=given.learning_rate,
                seed=given.seed,
                patience=given.patience,
                start=self.start.values if self.start else None,
                fitting=self.fitting,
                planned_steps=given.epochs * (self.most_rows // self.batch_size),
                weights_file=weights_file,
                mode=given.mode,
                checkpoint=self.checkpoint(each_epoch=each_epoch),
                callbacks=partial(load_callbacks, self.build),
                each_epoch=each_epoch,
                say=say,
            )

    def checkpoint(self, *, each_epoch: bool = False) -> Checkpoint | None:
        """Where this training is saved; None where nothing is to be."""
        uri = self.parameters.checkpoint_uri
        if not uri:
            return None
        identity = {
            "purpose": "folds",
            "folds": self.folds,
            "each_epoch": each_epoch,
            "patience": self.parameters.patience,
            **self.determined_by(),
        }
        return Checkpoint(uri, identity, os.environ, print)

    def forget_checkpoint(self, *, each_epoch: bool = False) -> None:
        """Remove what `train` saved, once its results are written."""
        checkpoint = self.checkpoint(each_epoch=each_epoch)
        if checkpoint:
            checkpoint.remove()

    def determined_by(self) -> dict[str, Any]:
        """What the training depends on beside the folds that are trained, as JSON values."""
        given = self.parameters
        return {
            "origin": self.table.origin,
            "model": given.model,
            "model_code_digest": code_digest(self.build),
            "hyperparameters": self.hyperparameters,
            "start_penalty": self.start.penalty if self.start else 0.0,
            "epochs": given.epochs,
            "batch_size": self.batch_size,
            "learning_rate": given.learning_rate,
            "seed": given.seed,
            "fitting": self.fitting.to_json(),
            "initial_weights_digest": self.initial_weights_digest,
        }
