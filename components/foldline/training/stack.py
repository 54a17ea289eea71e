"""K models of one architecture, trained as one program under JAX.

The variables of the models are stacked along a first axis and every step is `jax.vmap` of one model's step, so each
model sees its own rows, in its own order, as it would alone. An epoch is one `jax.lax.scan` over its batches.
"""

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np
from numpy.typing import NDArray

from foldline.artifacts import Task
from foldline.training.model_code import arguments

Arrays = dict[str, Any]
Positions = NDArray[np.int32]

# Distance that a probability keeps from 0 and 1 in the loss.
CLIP = 1e-7


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


for _kind, _fields in ((Variables, ["trainable", "non_trainable"]), (State, ["variables", "optimizer"])):
    jax.tree_util.register_dataclass(_kind, data_fields=_fields, meta_fields=[])


def row_loss(task: Task, prediction: jax.Array, label: jax.Array) -> jax.Array:
    """The loss of each row: minus the logarithm of its own class's probability, or the squared error.

    Args:
        prediction: shape (n_rows, task.outputs).
        label: shape (n_rows,), float32: index of the class, or the value.

    Returns:
        Shape (n_rows,).
    """
    if task.kind == "regression":
        return jnp.square(prediction[:, 0] - label)
    probability = jnp.clip(prediction, CLIP, 1.0 - CLIP)
    if task.kind == "binary":
        return -jnp.where(label > 0.5, jnp.log(probability[:, 0]), jnp.log1p(-probability[:, 0]))
    return -jnp.log(jnp.take_along_axis(probability, label.astype(jnp.int32)[:, None], axis=1)[:, 0])


def seed_of(seed: int, *numbers: int) -> np.random.SeedSequence:
    """Entropy for one purpose: of a fold, or of one epoch of a fold. Fold -1 is the model of all training rows."""
    return np.random.SeedSequence([seed, *(number + 1 for number in numbers)])


class Stack:
    """K models, their optimisers and the compiled programs that train and apply them.

    Args:
        make_model: gives a new model, the same architecture at each call; its initial weights depend on Python's and
            NumPy's global random state.
        folds: number of the fold of each model; with `seed` it determines the initial weights and dropout.
        learning_rate: of Adam (Kingma and Ba, "Adam: a method for stochastic optimization", ICLR 2015).
    """

    def __init__(
        self,
        make_model: Callable[[], keras.Model],
        task: Task,
        *,
        folds: Sequence[int],
        learning_rate: float,
        seed: int,
    ) -> None:
        self._task = task
        self._folds, self._seed = tuple(folds), seed
        self._train = jax.jit(self._train_epoch, donate_argnums=0, static_argnames="ragged")
        self._evaluate = jax.jit(self._evaluate_rows)
        self._copy = jax.jit(lambda tree: jax.tree.map(jnp.copy, tree))

        def initial() -> Any:
            states = []
            for fold in self._folds:
                number = int(seed_of(seed, fold).generate_state(1)[0])
                # What keras.utils.set_random_seed does, less its import of TensorFlow.
                random.seed(number)
                np.random.seed(number)
                self._model = make_model()
                self._optimizer = keras.optimizers.Adam(learning_rate)
                self._optimizer.build(self._model.trainable_variables)
                values = Variables(
                    [variable.value for variable in self._model.trainable_variables],
                    [variable.value for variable in self._model.non_trainable_variables],
                )
                states.append(State(values, [variable.value for variable in self._optimizer.variables]))
            return jax.tree.map(lambda *leaves: jnp.stack(leaves), *states)

        # One program for all initial values: an eager initialiser compiles one for each shape.
        self.state = jax.jit(initial)()

    @property
    def bytes_per_model(self) -> int:
        """Size of one model's variables and optimiser state."""
        return int(sum(leaf.nbytes for leaf in jax.tree.leaves(self.state))) // len(self._folds)

    def variables(self) -> Variables:
        """A copy of the models' variables, which later epochs do not change."""
        copied: Variables = self._copy(self.state.variables)
        return copied

    def variable_names(self) -> tuple[list[str], list[str]]:
        """Names of the trainable and of the other variables, in the order of `Variables`."""
        return (
            [variable.name for variable in self._model.trainable_variables],
            [variable.name for variable in self._model.non_trainable_variables],
        )

    def begin(self, values: Mapping[str, NDArray[np.float32]]) -> None:
        """Replace initial values.

        Args:
            values: for the path of a trainable variable the last columns of its value; first axis K.
        """
        trainable = list(self.state.variables.trainable)
        paths = [variable.path for variable in self._model.trainable_variables]
        for path, value in values.items():
            index = paths.index(path)
            trainable[index] = trainable[index].at[..., -value.shape[-1] :].set(value)
        self.state = State(Variables(trainable, self.state.variables.non_trainable), self.state.optimizer)

    def train_epoch(self, data: Arrays, order: Positions, steps: NDArray[np.int32]) -> jax.Array:
        """Train every model for an epoch.

        Args:
            data: the features by name and `label`, rows along the first axis, on the device.
            order: shape (most_steps, K, batch_size): positions of rows in `data`.
            steps: shape (K,): number of steps that each model makes; the rest of its `order` changes nothing.

        Returns:
            Mean training loss of each model; shape (K,). It may be read later: the program runs meanwhile.
        """
        ragged = bool((steps != len(order)).any())
        result: tuple[State, jax.Array] = self._train(self.state, data, order, steps, ragged=ragged)
        self.state, loss = result
        return loss

    def evaluate(self, data: Arrays, chunks: Positions, counts: NDArray[np.int32]) -> tuple[jax.Array, jax.Array]:
        """Apply every model to its own rows.

        Args:
            chunks: shape (n_chunks, K, chunk_size): positions of rows in `data`, padded with any.
            counts: shape (K,): number of rows of each model.

        Returns:
            Mean loss, shape (K,), and predictions, shape (K, n_chunks * chunk_size, task.outputs).
        """
        result: tuple[jax.Array, jax.Array] = self._evaluate(self.state.variables, data, chunks, counts)
        return result

    def _train_epoch(
        self, state: State, data: Arrays, order: jax.Array, steps: jax.Array, ragged: bool
    ) -> tuple[State, jax.Array]:
        features = {name: values for name, values in data.items() if name != "label"}

        def loss_of(trainable: list[Any], non_trainable: list[Any], rows: jax.Array) -> tuple[jax.Array, list[Any]]:
            given = arguments(self._model, {name: values[rows] for name, values in features.items()})
            prediction, changed, penalties = self._model.stateless_call(
                trainable, non_trainable, given, training=True, return_losses=True
            )
            return jnp.mean(row_loss(self._task, prediction, data["label"][rows])) + sum(penalties), changed

        def step_of_one(state: State, rows: jax.Array, active: jax.Array) -> tuple[State, jax.Array]:
            old = state.variables
            (loss, changed), gradients = jax.value_and_grad(loss_of, has_aux=True)(
                old.trainable, old.non_trainable, rows
            )
            trainable, optimizer = self._optimizer.stateless_apply(state.optimizer, gradients, old.trainable)
            new = State(Variables(trainable, changed), optimizer)
            if ragged:
                new = jax.tree.map(lambda after, before: jnp.where(active, after, before), new, state)
                loss = jnp.where(active, loss, 0.0)
            return new, loss

        def step(state: State, given: tuple[jax.Array, jax.Array]) -> tuple[State, jax.Array]:
            rows, number = given
            stepped: tuple[State, jax.Array] = jax.vmap(step_of_one)(state, rows, number < steps)
            return stepped

        state, losses = jax.lax.scan(step, state, (order, jnp.arange(len(order))))
        return state, losses.sum(axis=0) / steps

    def _evaluate_rows(
        self, variables: Variables, data: Arrays, chunks: jax.Array, counts: jax.Array
    ) -> tuple[jax.Array, jax.Array]:
        features = {name: values for name, values in data.items() if name != "label"}
        size = chunks.shape[2]

        def apply_one(values: Variables, rows: jax.Array) -> tuple[jax.Array, jax.Array]:
            given = arguments(self._model, {name: columns[rows] for name, columns in features.items()})
            prediction, _ = self._model.stateless_call(values.trainable, values.non_trainable, given, training=False)
            return prediction, row_loss(self._task, prediction, data["label"][rows])

        def chunk(number: jax.Array, rows: jax.Array) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
            prediction, loss = jax.vmap(apply_one)(variables, rows)
            own = number * size + jnp.arange(size) < counts[:, None]
            return number + 1, (prediction, jnp.where(own, loss, 0.0).sum(axis=1))

        _, (predictions, losses) = jax.lax.scan(chunk, jnp.int32(0), chunks)
        flat = jnp.moveaxis(predictions, 0, 1).reshape(len(counts), -1, predictions.shape[-1])
        return losses.sum(axis=0) / counts, flat


def epoch_order(
    positions: Sequence[Positions], folds: Iterable[int], *, seed: int, epoch: int, batch_size: int
) -> tuple[Positions, NDArray[np.int32]]:
    """The batches of one epoch: each fold's own rows in an order of its own, the last partial batch dropped.

    Returns:
        `order`, shape (most_steps, K, batch_size), and `steps`, shape (K,), as `Stack.train_epoch` takes them.
    """
    steps = np.array([len(own) // batch_size for own in positions], dtype=np.int32)
    order = np.zeros((steps.max(), len(positions), batch_size), dtype=np.int32)
    for index, (own, fold) in enumerate(zip(positions, folds, strict=True)):
        shuffled = np.random.default_rng(seed_of(seed, fold, epoch)).permutation(own)
        order[: steps[index], index] = shuffled[: steps[index] * batch_size].reshape(-1, batch_size)
    return order, steps


def evaluation_chunks(positions: Sequence[Positions], most: int = 4096) -> tuple[Positions, NDArray[np.int32]]:
    """The rows of each fold in chunks of at most `most`, padded with row 0; as `Stack.evaluate` takes them."""
    counts = np.array([len(own) for own in positions], dtype=np.int32)
    size = min(most, int(counts.max()))
    chunks = np.zeros((len(positions), -(-int(counts.max()) // size) * size), dtype=np.int32)
    for index, own in enumerate(positions):
        chunks[index, : len(own)] = own
    return np.ascontiguousarray(np.moveaxis(chunks.reshape(len(positions), -1, size), 1, 0)), counts
