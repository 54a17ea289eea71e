"""K models of one architecture, trained as one program under JAX.

The variables of the models are stacked along a first axis and every step is `jax.vmap` of one model's step, so each
model sees its own rows, in its own order, as it would alone. An epoch is one `jax.lax.scan` over its batches. A stack
of one model has no `vmap`, so it also trains models that cannot be stacked.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from foldline.artifacts import Task
from foldline.training.fitting.blueprint import Blueprint
from foldline.training.fitting.devices import Devices
from foldline.training.fitting.loss import loss_of
from foldline.training.fitting.orders import Positions
from foldline.training.fitting.rows import Rows
from foldline.training.fitting.state import LABEL, WEIGHT, Arrays, Epoch, State, Variables
from foldline.training.fitting.step import evaluate_rows, train_epoch
from foldline.training.fitting.traced import Traced


class Stack:
    """The compiled programs that make, train and apply K models.

    A program is traced once for each shape of what it takes, also where one training follows another.

    Args:
        devices: where arrays lie.
    """

    def __init__(self, made: Blueprint, task: Task, devices: Devices) -> None:
        self._made, self._devices = made, devices
        loss = loss_of(made.fitting.loss, task)
        self._train = jax.jit(partial(train_epoch, made, loss), donate_argnums=0, static_argnames="ragged")
        self._evaluate = jax.jit(partial(evaluate_rows, made, loss))
        self._programs: dict[Any, Any] = {}
        self._makers: dict[tuple[int, ...], Callable[[], State]] = {}

    @property
    def variable_names(self) -> tuple[list[str], list[str]]:
        """As `Blueprint.variable_names` gives them."""
        return self._made.variable_names()

    def initial(
        self, folds: Sequence[int], begin: Mapping[str, NDArray[np.float32]] | None, weights_file: str, rates: Any
    ) -> State:
        """The models of `folds` and their optimisers before the first step.

        Args:
            begin: other initial values as `Blueprint.begun` takes them; None for none.
            weights_file: Keras weights file, or empty.
            rates: the learning rate of each model, shape (K,); None for that of the blueprint.
        """
        numbers = tuple(folds)
        if numbers not in self._makers:
            # One program for all initial values: an eager initialiser compiles one for each shape.
            self._makers[numbers] = jax.jit(partial(self._made.states, numbers))
        state = self._makers[numbers]()
        if weights_file:
            state = self._made.loaded(state, weights_file)
        if begin is not None:
            state = self._made.begun(state, begin)
        if rates is not None and self._made.learning_rates(state) is not None:
            state = self._made.with_learning_rates(state, rates)
        placed: State = self._devices.everywhere(state)
        return placed

    def learning_rate(self, state: State) -> float | None:
        """The learning rate of the first model; None where a schedule gives it."""
        rates = self._made.learning_rates(state)
        return None if rates is None else float(rates[0])

    def with_learning_rate(self, state: State, rate: float) -> State:
        """`state` with another learning rate in every model."""
        placed: State = self._devices.everywhere(self._made.with_learning_rates(state, rate))
        return placed

    def train_epoch(
        self,
        state: State,
        data: Arrays,
        order: Positions,
        steps: NDArray[np.int32],
        class_weight: Any,
        variation: Traced | None,
    ) -> tuple[State, Epoch]:
        """Train every model for an epoch; the buffers of `state` are used up.

        Args:
            data: the features by name, `label` and, where rows are weighted, `weight`; rows along the first axis.
            order: shape (most_steps, K, batch_size): positions of rows in `data`.
            steps: shape (K,): number of steps that each model makes; the rest of its `order` changes nothing.
            class_weight: shape (K, n_classes), float32, or None.
            variation: the values in which the models differ, or None.

        Returns:
            The new state, and the epoch's figures, which may be read later: the program runs meanwhile.
        """
        program, given = self._training(state, data, order, steps, class_weight, variation)
        result: tuple[State, Epoch] = program(*given)
        return result

    def training_footprint(
        self,
        state: State,
        data: Arrays,
        order: Positions,
        steps: NDArray[np.int32],
        class_weight: Any,
        variation: Traced | None,
    ) -> int:
        """Bytes on each device that `train_epoch` with these arguments needs, the arguments included.

        Raises what tracing and compilation raise.
        """
        program, _ = self._training(state, data, order, steps, class_weight, variation)
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

    def _training(
        self, state: State, data: Arrays, order: Positions, steps: NDArray[np.int32], *same: Any
    ) -> tuple[Any, tuple[Any, ...]]:
        given = (state, data, self._devices.split_rows(order), self._devices.everywhere(steps), *same)
        return self._program(self._train, given, ragged=bool((steps != len(order)).any())), given

    def _program(self, function: Any, given: tuple[Any, ...], **static: bool) -> Any:
        shapes = jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), given)
        leaves, structure = jax.tree.flatten(shapes, is_leaf=lambda value: isinstance(value, tuple) and len(value) == 2)
        key = (function, tuple(leaves), structure, tuple(static.items()))
        if key not in self._programs:
            self._programs[key] = function.lower(*given, **static).compile()
        return self._programs[key]


def data_of(rows: Rows) -> Arrays:
    """What programs take of the rows."""
    return {**rows.features, LABEL: rows.label} | ({} if rows.weight is None else {WEIGHT: rows.weight})
