"""K models of one architecture, trained as one program under JAX.

The variables of the models are stacked along a first axis and every step is `jax.vmap` of one model's step, so each
model sees its own rows, in its own order, as it would alone. An epoch is one `jax.lax.scan` over its batches. A stack
of one model has no `vmap`, so it also trains models that cannot be stacked.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np
from numpy.typing import NDArray

from foldline.artifacts import Task
from foldline.errors import ArgumentError
from foldline.training.fitting.devices import Devices
from foldline.training.fitting.loss import loss_of
from foldline.training.fitting.optimizer import RATE, make_optimizer
from foldline.training.fitting.orders import Positions, seed_of
from foldline.training.fitting.settings import FLOAT32, Fitting
from foldline.training.fitting.weights_file import WHERE
from foldline.training.model_code import arguments

Arrays = dict[str, Any]
# Of the data: not features.
LABEL, WEIGHT = "label", "weight"


@dataclass(frozen=True)
class Variables:
    """Values of the variables of K models, in the order in which a model has them; first axis K."""

    trainable: list[Any]
    non_trainable: list[Any]


@dataclass(frozen=True)
class State:
    """Everything that a step changes; first axis K in each array."""

    variables: Variables
    optimizer: list[Any]


@dataclass(frozen=True)
class Epoch:
    """What an epoch tells of each model; shape (K,) each.

    Attributes:
        loss: mean training loss.
        steepest: the largest norm of a step's gradient.
    """

    loss: Any
    steepest: Any


for _kind, _fields in (
    (Variables, ["trainable", "non_trainable"]),
    (State, ["variables", "optimizer"]),
    (Epoch, ["loss", "steepest"]),
):
    jax.tree_util.register_dataclass(_kind, data_fields=_fields, meta_fields=[])


class Stack:
    """The compiled programs that make, train and apply K models.

    Args:
        make_model: gives a new model, the same architecture at each call; its initial weights depend on Python's and
            NumPy's global random state.
        learning_rate: of the optimiser, or where its schedule begins.
        training_steps: steps of the whole training, for a schedule.
        devices: where arrays lie.
    """

    def __init__(
        self,
        make_model: Callable[[], keras.Model],
        task: Task,
        *,
        learning_rate: float,
        seed: int,
        fitting: Fitting,
        training_steps: int,
        devices: Devices,
    ) -> None:
        self._make_model, self._seed, self._devices = make_model, seed, devices
        self._make_optimizer: Callable[[], Any] = lambda: make_optimizer(fitting, learning_rate, training_steps)
        self._precision = fitting.precision
        self._loss = loss_of(fitting.loss, task)
        self._train = jax.jit(self._train_epoch, donate_argnums=0, static_argnames="ragged")
        self._evaluate = jax.jit(self._evaluate_rows)
        self._programs: dict[Any, Any] = {}

    def initial(self, folds: Sequence[int]) -> State:
        """The models of `folds` and their optimisers before the first step; the numbers and the seed determine them."""

        def states() -> Any:
            made = []
            for fold in folds:
                number = int(seed_of(self._seed, fold).generate_state(1)[0])
                # What keras.utils.set_random_seed does, less its import of TensorFlow.
                random.seed(number)
                np.random.seed(number)
                self._model = self._built(self._precision)
                self._optimizer = self._make_optimizer()
                self._optimizer.build(self._model.trainable_variables)
                values = Variables(
                    [variable.value for variable in self._model.trainable_variables],
                    [variable.value for variable in self._model.non_trainable_variables],
                )
                made.append(State(values, [variable.value for variable in self._optimizer.variables]))
            # The models that are applied compute as serving does.
            self._applied = self._model if self._precision == FLOAT32 else self._built(FLOAT32)
            return jax.tree.map(lambda *leaves: jnp.stack(leaves), *made)

        # One program for all initial values: an eager initialiser compiles one for each shape.
        state: State = self._devices.everywhere(jax.jit(states)())
        return state

    def variable_names(self) -> tuple[list[str], list[str]]:
        """Names of the trainable and of the other variables, in the order of `Variables`."""
        return (
            [variable.name for variable in self._model.trainable_variables],
            [variable.name for variable in self._model.non_trainable_variables],
        )

    def begun(self, state: State, values: Mapping[str, NDArray[np.float32]]) -> State:
        """`state` with other initial values.

        Args:
            values: for the path of a trainable variable the last columns of its value; first axis K.
        """
        trainable = list(state.variables.trainable)
        paths = [variable.path for variable in self._model.trainable_variables]
        for path, value in values.items():
            index = paths.index(path)
            trainable[index] = trainable[index].at[..., -value.shape[-1] :].set(value)
        return State(Variables(trainable, state.variables.non_trainable), state.optimizer)

    def loaded(self, state: State, weights_file: str) -> State:
        """`state` with the variables of every model as in a Keras weights file (.weights.h5).

        Raises:
            ArgumentError: the file holds no weights of this model.
        """
        model = self._built(FLOAT32)
        try:
            model.load_weights(weights_file)
        except (ValueError, KeyError, OSError) as fault:
            said = (str(fault).strip().splitlines() or [type(fault).__name__])[0]
            raise ArgumentError(WHERE, expected="weights of the model that is trained", got=said) from fault

        def filled(before: Any, variable: Any) -> Any:
            return jnp.broadcast_to(jnp.asarray(variable.value, before.dtype), before.shape)

        variables = Variables(
            list(map(filled, state.variables.trainable, model.trainable_variables)),
            [
                before if variable.name == "seed_generator_state" else filled(before, variable)
                for before, variable in zip(state.variables.non_trainable, model.non_trainable_variables, strict=True)
            ],
        )
        return State(variables, state.optimizer)

    def learning_rate(self, state: State) -> float | None:
        """The learning rate of the first model; None where a schedule gives it."""
        index = self._rate_index()
        return None if index is None else float(state.optimizer[index][0])

    def with_learning_rate(self, state: State, rate: float) -> State:
        """`state` with another learning rate in every model."""
        index = self._rate_index()
        assert index is not None
        optimizer = list(state.optimizer)
        optimizer[index] = self._devices.everywhere(jnp.full_like(optimizer[index], rate))
        return State(state.variables, optimizer)

    def train_epoch(
        self, state: State, data: Arrays, order: Positions, steps: NDArray[np.int32], class_weight: Any
    ) -> tuple[State, Epoch]:
        """Train every model for an epoch; the buffers of `state` are used up.

        Args:
            data: the features by name, `label` and, where rows are weighted, `weight`; rows along the first axis.
            order: shape (most_steps, K, batch_size): positions of rows in `data`.
            steps: shape (K,): number of steps that each model makes; the rest of its `order` changes nothing.
            class_weight: shape (K, n_classes), float32, or None.

        Returns:
            The new state, and the epoch's figures, which may be read later: the program runs meanwhile.
        """
        given = (state, data, self._devices.split_rows(order), self._devices.everywhere(steps), class_weight)
        result: tuple[State, Epoch] = self._program(self._train, given, ragged=bool((steps != len(order)).any()))(
            *given
        )
        return result

    def training_footprint(
        self, state: State, data: Arrays, order: Positions, steps: NDArray[np.int32], class_weight: Any
    ) -> int:
        """Bytes on each device that `train_epoch` with these arguments needs, the arguments included.

        Raises what tracing and compilation raise.
        """
        given = (state, data, self._devices.split_rows(order), self._devices.everywhere(steps), class_weight)
        program = self._program(self._train, given, ragged=bool((steps != len(order)).any()))
        needs = program.memory_analysis()
        kept = needs.alias_size_in_bytes
        total: int = needs.argument_size_in_bytes + needs.temp_size_in_bytes + needs.output_size_in_bytes - kept
        return total

    def evaluate(
        self, variables: Variables, data: Arrays, chunks: Positions, counts: NDArray[np.int32]
    ) -> tuple[jax.Array, jax.Array]:
        """Apply every model to its own rows.

        Args:
            chunks: shape (n_chunks, K, chunk_size): positions of rows in `data`, padded with any.
            counts: shape (K,): number of rows of each model.

        Returns:
            Mean loss, shape (K,), and predictions, shape (K, n_chunks * chunk_size, task.outputs), float32.
        """
        given = (variables, data, self._devices.split_rows(chunks), self._devices.everywhere(counts))
        result: tuple[jax.Array, jax.Array] = self._program(self._evaluate, given)(*given)
        return result

    def _built(self, precision: str) -> keras.Model:
        before = keras.config.dtype_policy()
        keras.config.set_dtype_policy(precision)
        try:
            return self._make_model()
        finally:
            keras.config.set_dtype_policy(before)

    def _rate_index(self) -> int | None:
        names = [variable.name for variable in self._optimizer.variables]
        return names.index(RATE) if RATE in names else None

    def _program(self, function: Any, given: tuple[Any, ...], **static: bool) -> Any:
        shapes = jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), given)
        leaves, structure = jax.tree.flatten(shapes, is_leaf=lambda value: isinstance(value, tuple) and len(value) == 2)
        key = (function, tuple(leaves), structure, tuple(static.items()))
        if key not in self._programs:
            self._programs[key] = function.lower(*given, **static).compile()
        return self._programs[key]

    def _train_epoch(
        self, state: State, data: Arrays, order: jax.Array, steps: jax.Array, class_weight: Any, *, ragged: bool
    ) -> tuple[State, Epoch]:
        features = _features(data)

        def mean_loss(
            trainable: list[Any], non_trainable: list[Any], rows: jax.Array, of_class: Any
        ) -> tuple[jax.Array, tuple[jax.Array, list[Any]]]:
            given = arguments(self._model, {name: values[rows] for name, values in features.items()})
            prediction, changed, penalties = self._model.stateless_call(
                trainable, non_trainable, given, training=True, return_losses=True
            )
            label = data[LABEL][rows]
            losses = self._loss(prediction.astype(jnp.float32), label)
            if WEIGHT in data:
                losses = losses * data[WEIGHT][rows]
            if of_class is not None:
                losses = losses * of_class[label.astype(jnp.int32)]
            loss = jnp.mean(losses) + sum(penalties)
            return loss, changed

        def step_of_one(state: State, rows: jax.Array, active: jax.Array, of_class: Any) -> tuple[State, Epoch]:
            old = state.variables
            (loss, changed), gradients = jax.value_and_grad(mean_loss, has_aux=True)(
                old.trainable, old.non_trainable, rows, of_class
            )
            squares = [jnp.sum(jnp.square(leaf.astype(jnp.float32))) for leaf in jax.tree.leaves(gradients)]
            norm = jnp.sqrt(jnp.sum(jnp.stack(squares)))
            trainable, optimizer = self._optimizer.stateless_apply(state.optimizer, gradients, old.trainable)
            new = State(Variables(trainable, changed), optimizer)
            if ragged:
                new = jax.tree.map(lambda after, before: jnp.where(active, after, before), new, state)
                loss, norm = (jnp.where(active, value, 0.0) for value in (loss, norm))
            return new, Epoch(loss, norm)

        def step(state: State, given: tuple[jax.Array, jax.Array]) -> tuple[State, Epoch]:
            rows, number = given
            stepped: tuple[State, Epoch] = _of_each(step_of_one)(state, rows, number < steps, class_weight)
            return stepped

        state, every = jax.lax.scan(step, state, (order, jnp.arange(len(order))))
        return state, Epoch(every.loss.sum(axis=0) / jnp.maximum(steps, 1), every.steepest.max(axis=0))

    def _evaluate_rows(
        self, variables: Variables, data: Arrays, chunks: jax.Array, counts: jax.Array
    ) -> tuple[jax.Array, jax.Array]:
        features = _features(data)
        size = chunks.shape[2]

        def apply_one(values: Variables, rows: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
            given = arguments(self._applied, {name: columns[rows] for name, columns in features.items()})
            prediction, _ = self._applied.stateless_call(values.trainable, values.non_trainable, given, training=False)
            prediction = prediction.astype(jnp.float32)
            weight = data[WEIGHT][rows] if WEIGHT in data else jnp.ones(len(rows))
            return prediction, self._loss(prediction, data[LABEL][rows]), weight

        def chunk(number: jax.Array, rows: jax.Array) -> tuple[jax.Array, tuple[jax.Array, jax.Array, jax.Array]]:
            prediction, loss, weight = _of_each(apply_one)(variables, rows)
            own = number * size + jnp.arange(size) < counts[:, None]
            weight = jnp.where(own, weight, 0.0)
            # Rows that only fill a chunk may have any loss, infinite ones too.
            total = jnp.where(own, loss * weight, 0.0).sum(axis=1)
            return number + 1, (prediction, total, weight.sum(axis=1))

        _, (predictions, losses, weights) = jax.lax.scan(chunk, jnp.int32(0), chunks)
        flat = jnp.moveaxis(predictions, 0, 1).reshape(len(counts), -1, predictions.shape[-1])
        return losses.sum(axis=0) / weights.sum(axis=0), flat


def _features(data: Arrays) -> Arrays:
    return {name: values for name, values in data.items() if name not in (LABEL, WEIGHT)}


def _of_each(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` of each model of a stack; without `vmap` where there is but one."""

    def applied(*given: Any) -> Any:
        if len(jax.tree.leaves(given)[0]) > 1:
            return jax.vmap(function)(*given)
        first = jax.tree.map(lambda leaf: leaf[0], given)
        return jax.tree.map(lambda leaf: leaf[None], function(*first))

    return applied
