"""Trains points of a search on one fold after another, on rows that are read once."""

import json
import os
import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Self

import keras
import numpy as np

from foldline.errors import TrainingError
from foldline.evaluation.metrics import score
from foldline.training.fit import Fitted, fit
from foldline.training.fitting.mode import AUTO, is_out_of_memory
from foldline.training.fitting.rows import Rows
from foldline.training.fitting.settings import EACH
from foldline.training.fitting.stacks import Stacks
from foldline.training.fitting.variation import Likeness, Variation, likeness
from foldline.training.fitting.weights_file import local_weights
from foldline.training.linear_start import LinearStart, best_linear_start, linear_start
from foldline.training.model_code import load_callbacks, make_model
from foldline.training.preparation import Parameters, Preparation
from foldline.training.search.definition import HOLD_OUT_FOLD, Definition
from foldline.training.search.fold_result import FoldResult
from foldline.training.search.objective import PARAMETERS, SECONDS
from foldline.training.search.settings import Settings
from foldline.training.search.sizes import Sizes
from foldline.training.search.trial import BUG, NOT_FINITE, OUT_OF_MEMORY


class FoldTrainer:
    """The rows of all folds, and what it takes to train points on them.

    Each training of a point on a fold stops early by its own validation loss. Initial weights and the order of rows
    depend on the fold and the seed only: points are compared on the same ones.
    """

    def __init__(self, prepared: Preparation, definition: Definition) -> None:
        self._prepared, self._definition = prepared, definition
        # Trials come fold by fold, so the rows of one fold are enough.
        self._of_fold: tuple[int, Rows | None] = (-1, None)
        self._alike: dict[str, Likeness] = {}
        self._sizes = Sizes()
        # One for each kind of model among the trials that are live at once.
        self._stacks = Stacks(definition.budget.parallel_trials)

    @classmethod
    def read(
        cls,
        dataset_path: str,
        folds_path: str,
        transform_path: str,
        definition: Definition,
        base: Settings,
        model: str,
        model_code: str,
        seed: int,
    ) -> Self:
        """Read the artifacts, and check that the model's function takes the parameters of the space.

        Args:
            base: the settings of what is not searched.

        Raises:
            ArgumentError: a setting has a value that it cannot have, or the function takes no such parameter.
            ArtifactError: an input is torn, or they do not belong together.
            ModelCodeError: there is no such model code.
            TrainingError: a fold cannot be trained or scored; names it.
        """
        parameters = _parameters(Settings.of(base, _any_point(definition)), model, model_code, seed)
        parameters.check()
        prepared = Preparation.read(dataset_path, folds_path, transform_path, parameters)
        if prepared.start and definition.estimate == HOLD_OUT_FOLD and len(prepared.folds) > 1:
            prepared = replace(prepared, start=_start_without_last(prepared))
        return cls(prepared, definition)

    @property
    def folds(self) -> tuple[int, ...]:
        """Numbers of the folds that are predicted."""
        return self._prepared.folds

    def together(self, points: Sequence[Settings]) -> list[list[int]]:
        """Positions of the points that one program can train, in groups: they differ in learning rate, weight decay and
        the rates of dropout only."""
        groups: dict[tuple[Any, ...], list[int]] = {}
        for index, point in enumerate(points):
            try:
                prepared = self._under(point)
                # A callback of the user's sees means over all models of a stack.
                alone = (index,) if load_callbacks(prepared.build) else ()
                key = (self._likeness(point, prepared).key, point.epochs, point.patience, prepared.batch_size, *alone)
            except Exception:  # What is wrong with a point is told where it is trained.
                key = ("", index)
            groups.setdefault(key, []).append(index)
        return list(groups.values())

    def train(self, points: Sequence[Settings], fold: int, *, epochs: int | None = None) -> list[FoldResult]:
        """Train points of one group, as `together` gives them, on a fold.

        A fault is a result, not an exception: of several points it is looked for in each alone.

        Args:
            epochs: exactly as many, without an early stop; None stops early.
        """
        began = time.monotonic()
        try:
            return self._trained(points, fold, epochs)
        except Exception as fault:  # A trial may fail in any way; what it says is its row of the result.
            if len(points) > 1:
                return [result for point in points for result in self.train([point], fold, epochs=epochs)]
            return [FoldResult.failed(*_told(fault), seconds=time.monotonic() - began)]

    def _trained(self, points: Sequence[Settings], fold: int, epochs: int | None) -> list[FoldResult]:
        began = time.monotonic()
        index = self.folds.index(fold)
        prepared = self._under(points[0])
        given = prepared.parameters
        wanted = len(points)
        kind = self._kind(points[0], prepared) if wanted > 1 or self._sizes.known else None
        count = wanted if kind is None else self._sizes.of(kind, wanted)
        points = [*points, *[points[0]] * (count - wanted)]
        one = self._rows(index)
        rows = replace(one, folds=one.folds * count, training=one.training * count, validation=one.validation * count)
        start = None
        if prepared.start is not None:
            values = prepared.start.values.items()
            start = {path: np.repeat(value[index : index + 1], count, axis=0) for path, value in values}
        variation = None
        models: Hashable = json.dumps(points[0].to_json(), sort_keys=True)
        if count > 1:
            alike = [self._likeness(point, self._under(point)) for point in points]
            variation = Variation.among([point.learning_rate for point in points], alike)
            # A decay that all of them have is a part of the program.
            decay = alike[0].weight_decay if variation.weight_decay is None else "varies"
            models = (alike[0].key, prepared.batch_size, decay)
        with local_weights(prepared.fitting.initial_weights, os.environ) as weights_file:
            fitted = fit(
                _maker(prepared),
                prepared.task,
                rows,
                epochs=given.epochs if epochs is None else epochs,
                batch_size=prepared.batch_size,
                learning_rate=given.learning_rate,
                seed=given.seed,
                patience=given.patience if epochs is None else 0,
                start=start,
                fitting=prepared.fitting,
                planned_steps=_planned_steps(prepared),
                weights_file=weights_file,
                mode=AUTO,
                callbacks=partial(load_callbacks, prepared.build),
                variation=variation,
                tolerate=True,
                stack_of=partial(self._stacks.of, models),
                say=lambda line: None,
            )
        taken = time.monotonic() - began
        if kind is not None:
            self._sizes.note(kind, count, taken)
        return [self._result(fitted, number, index, taken / wanted) for number in range(wanted)]

    def _kind(self, point: Settings, prepared: Preparation) -> Hashable:
        """What stacks that share a program have in common; None where models are not to be added to a stack."""
        if prepared.fitting.deterministic or load_callbacks(prepared.build):
            return None
        return self._likeness(point, prepared).key, point.epochs, prepared.batch_size

    def _under(self, point: Settings) -> Preparation:
        given = self._prepared.parameters
        parameters = _parameters(point, given.model, given.model_code, given.seed)
        parameters.check()
        return self._prepared.under(parameters)

    def _likeness(self, point: Settings, prepared: Preparation) -> Likeness:
        steps = _planned_steps(prepared) if prepared.fitting.schedule.name else 1
        key = json.dumps([point.hyperparameters, point.fitting, steps], sort_keys=True)
        if key not in self._alike:
            self._alike[key] = likeness(
                _maker(prepared), prepared.task, self._rows(0), prepared.fitting, training_steps=steps
            )
        return self._alike[key]

    def _rows(self, index: int) -> Rows:
        kept, rows = self._of_fold
        if rows is None or kept != index:
            rows = self._prepared.rows.of(slice(index, index + 1))
            self._of_fold = (index, rows)
        return rows

    def _result(self, fitted: Fitted, number: int, index: int, seconds: float) -> FoldResult:
        table, scale = self._prepared.table, self._prepared.scales[index]
        if number in fitted.failures:
            return FoldResult.failed(NOT_FINITE, fitted.failures[number], seconds)
        label = table.label[table.assignment.validation_rows(self.folds[index])]
        predicted = fitted.predictions[number] * np.float32(scale.sd) + np.float32(scale.mean)
        found = score(self._prepared.task, label, predicted)
        weights = sum(int(np.prod(value.shape[1:])) for value in fitted.variables.trainable)
        found |= {SECONDS: seconds, PARAMETERS: float(weights)}
        others = {name: found[name] for name in self._definition.other_metrics}
        return FoldResult(found[self._definition.objective.metric], others, int(fitted.kept[number]), seconds)


def _maker(prepared: Preparation) -> Callable[[], keras.Model]:
    layout = prepared.table.transform.layout
    return partial(make_model, prepared.build, prepared.hyperparameters, layout, prepared.task)


def _planned_steps(prepared: Preparation) -> int:
    """Steps that a learning-rate schedule is made for: those of the longest fold, as for all folds together."""
    most = max(len(own) for own in prepared.rows.training)
    return prepared.parameters.epochs * (most // prepared.batch_size)


def _any_point(definition: Definition) -> dict[str, Any]:
    """A point of the space, to see whether the model's function takes its parameters."""
    point: dict[str, Any] = {}
    for parameter in definition.space:
        if definition.space.has(parameter, point):
            low = getattr(parameter, "low", None)
            point[parameter.name] = (parameter.values() or [])[0] if low is None else low
    return point


def _parameters(settings: Settings, model: str, model_code: str, seed: int) -> Parameters:
    return Parameters(
        model,
        model_code,
        settings.hyperparameters,
        settings.epochs,
        settings.batch_size,
        settings.learning_rate,
        settings.patience,
        seed,
        {**settings.fitting, "stopping": EACH},
        AUTO,
        "",
    )


def _start_without_last(prepared: Preparation) -> LinearStart:
    """The start whose penalty the last fold had no part in choosing."""
    layout, task, count = prepared.table.transform.layout, prepared.task, len(prepared.folds)
    chosen = best_linear_start(prepared.rows.of(slice(0, count - 1)), layout, task)
    last = linear_start(prepared.rows.of(slice(count - 1, count)), layout, task, chosen.penalty)
    values = {path: np.concatenate([value, last.values[path]]) for path, value in chosen.values.items()}
    return LinearStart(chosen.penalty, values)


def _told(fault: Exception) -> tuple[str, str]:
    """The kind of a failure, and its message."""
    said = (str(fault).strip().splitlines() or ["no message"])[-1]
    message = said if isinstance(fault, TrainingError) else f"{type(fault).__name__}: {said}"
    if is_out_of_memory(fault) or (fault.__cause__ is not None and is_out_of_memory(fault.__cause__)):
        return OUT_OF_MEMORY, message
    if isinstance(fault, TrainingError) and fault.expected == "a finite number":
        return NOT_FINITE, message
    return BUG, message
