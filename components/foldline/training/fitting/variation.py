"""What may differ between the models of one stack: learning rate, weight decay and the rates of dropout layers.

These are numbers in a program, so models that differ in nothing else can be trained as one.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Self

import jax
import keras
import numpy as np
from numpy.typing import NDArray

from foldline.artifacts import Task
from foldline.errors import ArgumentError
from foldline.training.fitting.blueprint import Blueprint
from foldline.training.fitting.loss import loss_of
from foldline.training.fitting.rows import Rows
from foldline.training.fitting.settings import Fitting, Named
from foldline.training.fitting.stack import data_of
from foldline.training.fitting.step import evaluate_rows, train_epoch
from foldline.training.fitting.traced import Traced, dropout_layers

DECAY = "weight_decay"
# Rows of the batch that a program is compared by.
FEW = 2


@dataclass(frozen=True)
class Variation:
    """The values in which the models of a stack differ; first axis K.

    Attributes:
        learning_rate: shape (K,), float32: of the optimiser, or where its schedule begins.
        weight_decay: shape (K,), float32; None where every optimiser has that of the settings.
        dropout: shape (K, n_layers), float64: rates of the dropout layers, in the order that `dropout_layers` gives.
    """

    learning_rate: NDArray[np.float32]
    weight_decay: NDArray[np.float32] | None
    dropout: NDArray[np.float64]

    def of(self, members: slice) -> Self:
        """The values of some of the models."""
        decay = None if self.weight_decay is None else self.weight_decay[members]
        return type(self)(self.learning_rate[members], decay, self.dropout[members])

    @classmethod
    def among(cls, learning_rates: Sequence[float], likenesses: "Sequence[Likeness]") -> Self:
        """That of models with equal keys, one for each pair of these.

        Raises:
            ArgumentError: their keys differ.
        """
        if len({own.key for own in likenesses}) != 1:
            raise ArgumentError("models of one stack", expected="equal keys", got="models of different programs")
        decays = [own.weight_decay for own in likenesses]
        return cls(
            np.array(learning_rates, dtype=np.float32),
            # No decay is one of 0.
            None if len(set(decays)) == 1 else np.array([decay or 0.0 for decay in decays], dtype=np.float32),
            np.array([own.dropout for own in likenesses], dtype=np.float64).reshape(len(decays), -1),
        )

    def traced(self) -> Traced:
        # What a layer keeps is rounded as Keras rounds it, so that the same units are left out.
        return Traced(self.learning_rate, self.weight_decay, (1.0 - self.dropout).astype(np.float32))

    def check(self, members: int) -> None:
        """Check the shapes and the values.

        Raises:
            ArgumentError: one is not as it is to be for `members` models.
        """
        for name, values, dimensions in (
            ("learning_rate", self.learning_rate, 1),
            ("weight_decay", self.weight_decay, 1),
            ("dropout", self.dropout, 2),
        ):
            if values is not None and (values.ndim != dimensions or len(values) != members):
                expected = f"{dimensions} dimensions, the first of {members} models"
                raise ArgumentError(f"{name} of the variation", expected=expected, got=f"shape {values.shape}")
        if not (np.isfinite(self.learning_rate) & (self.learning_rate > 0)).all():
            raise ArgumentError(
                "learning_rate of the variation", expected="numbers above 0", got=f"{self.learning_rate.tolist()}"
            )


@dataclass(frozen=True)
class Likeness:
    """What decides whether a model can be trained in one stack with others.

    Attributes:
        key: equal for models that differ in nothing but what a `Variation` holds.
        dropout: rates of the dropout layers.
        weight_decay: of the optimiser; None where it has none.
    """

    key: str
    dropout: tuple[float, ...]
    weight_decay: float | None


def likeness(
    make_model: Callable[[], keras.Model],
    task: Task,
    rows: Rows,
    fitting: Fitting,
    *,
    training_steps: int = 1,
) -> Likeness:
    """What decides whether a model can be trained in one stack with others; takes a part of a second.

    The key is that of the traced programs (initial values, a step, the application), not of the model's configuration:
    a layer of a user need not tell in its configuration all that it computes. Batch size, epochs and patience are
    arguments of `fit` and must be equal too.

    Args:
        make_model: as `fit` takes it.
        rows: any that the models are trained on; their shapes count.
        training_steps: of the whole training; a learning-rate schedule without a length of its own depends on it.

    Raises what tracing the model raises.
    """
    own = replace(fitting, optimizer=Named(fitting.optimizer.name, _without_decay(fitting.optimizer.arguments)))
    # Rate and decay stand in for any: both are given to the program.
    made = Blueprint(make_model, learning_rate=1.0, seed=0, fitting=own, training_steps=training_steps)
    begin = jax.jit(lambda: made.states([0])).trace()
    state = begin.out_info
    rates = [layer.rate for layer in dropout_layers(made.model)]
    data = jax.eval_shape(lambda: data_of(rows))
    like = jax.eval_shape(Variation(np.ones(1, np.float32), np.ones(1, np.float32), np.array([rates])).traced)
    positions, count = np.zeros((1, 1, FEW), np.int32), np.ones(1, np.int32)
    loss = loss_of(fitting.loss, task)
    step = partial(train_epoch, made, loss, ragged=False)
    programs = [
        begin.lower(),
        jax.jit(step).lower(state, data, positions, count, None, like),
        jax.jit(partial(evaluate_rows, made, loss)).lower(state.variables, data, positions, count),
    ]
    content = [json.dumps(own.to_json(), sort_keys=True), *(program.as_text() for program in programs)]
    decay = made.optimizer.weight_decay if DECAY not in fitting.optimizer.arguments else None
    given = fitting.optimizer.arguments.get(DECAY, decay)
    return Likeness(
        hashlib.sha256("\n".join(content).encode()).hexdigest(),
        tuple(rates),
        None if given is None else float(given),
    )


def _without_decay(arguments: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in arguments.items() if name != DECAY}
