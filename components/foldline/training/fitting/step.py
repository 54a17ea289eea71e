"""The programs of a stack as JAX traces them: an epoch of steps, and the application to rows."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from foldline.training.fitting.blueprint import Blueprint
from foldline.training.fitting.loss import RowLoss
from foldline.training.fitting.state import LABEL, WEIGHT, Arrays, Epoch, State, Variables, features_of, of_each
from foldline.training.fitting.traced import Traced, varied
from foldline.training.model_code import arguments


def train_epoch(
    made: Blueprint,
    row_loss: RowLoss,
    state: State,
    data: Arrays,
    order: jax.Array,
    steps: jax.Array,
    class_weight: Any,
    variation: Traced | None,
    *,
    ragged: bool,
) -> tuple[State, Epoch]:
    """Every model's steps of an epoch, as `Stack.train_epoch` says.

    Args:
        ragged: whether models make different numbers of steps.
    """
    features = features_of(data)
    alone = len(steps) == 1
    masked = ragged and not alone
    shapes = [variable.shape for variable in made.model.trainable_variables]

    def mean_loss(
        trainable: list[Any], non_trainable: list[Any], rows: jax.Array, of_class: Any
    ) -> tuple[jax.Array, tuple[jax.Array, list[Any]]]:
        given = arguments(made.model, {name: values[rows] for name, values in features.items()})
        prediction, changed, penalties = made.model.stateless_call(
            trainable, non_trainable, given, training=True, return_losses=True
        )
        label = data[LABEL][rows]
        losses = row_loss(prediction.astype(jnp.float32), label)
        if WEIGHT in data:
            losses = losses * data[WEIGHT][rows]
        if of_class is not None:
            losses = losses * of_class[label.astype(jnp.int32)]
        loss = jnp.mean(losses) + sum(penalties)
        return loss, changed

    def step_of_one(
        state: State, rows: jax.Array, active: jax.Array, of_class: Any, own: Traced | None
    ) -> tuple[State, Epoch]:
        old = state.variables
        shaped = [leaf.reshape(shape) for leaf, shape in zip(old.trainable, shapes, strict=True)]
        with varied(made, own):
            (loss, changed), gradients = jax.value_and_grad(mean_loss, has_aux=True)(
                shaped, old.non_trainable, rows, of_class
            )
            gradients = [own.reshape(leaf.shape) for own, leaf in zip(gradients, old.trainable, strict=True)]
            trainable, optimizer = made.optimizer.stateless_apply(state.optimizer, gradients, old.trainable)
        # By products: squares, which the optimiser takes too, would be written to memory for both.
        flat = [leaf.astype(jnp.float32).ravel() for leaf in jax.tree.leaves(gradients)]
        norm = jnp.sqrt(sum(jnp.dot(leaf, leaf) for leaf in flat))
        new = State(Variables(trainable, changed), optimizer)
        if masked:
            new = jax.tree.map(lambda after, before: jnp.where(active, after, before), new, state)
            loss, norm = (jnp.where(active, value, 0.0) for value in (loss, norm))
        return new, Epoch(loss, norm)

    def step(state: State, given: tuple[jax.Array, jax.Array]) -> tuple[State, Epoch]:
        rows, number = given
        stepped: tuple[State, Epoch] = of_each(step_of_one)(state, rows, number < steps, class_weight, variation)
        return stepped

    if made.flat:
        state = _shaped(state, [(-1,)] * len(shapes))
    if ragged and alone:
        # One model makes as many steps as it has, in a program for any number.
        def next_step(number: jax.Array, before: tuple[State, Epoch]) -> tuple[State, Epoch]:
            state, told = step(before[0], (order[number], number))
            return state, Epoch(before[1].loss + told.loss, jnp.maximum(before[1].steepest, told.steepest))

        state, total = jax.lax.fori_loop(0, steps[0], next_step, (state, Epoch(jnp.zeros(1), jnp.zeros(1))))
        return _shaped(state, shapes), Epoch(total.loss / jnp.maximum(steps, 1), total.steepest)
    state, every = jax.lax.scan(step, state, (order, jnp.arange(len(order))))
    return _shaped(state, shapes), Epoch(every.loss.sum(axis=0) / jnp.maximum(steps, 1), every.steepest.max(axis=0))


def _shaped(state: State, shapes: Sequence[tuple[int, ...]]) -> State:
    """`state` with trainable variables of these shapes, less the axis K."""
    old = state.variables
    trainable = [leaf.reshape(len(leaf), *shape) for leaf, shape in zip(old.trainable, shapes, strict=True)]
    return State(Variables(trainable, old.non_trainable), state.optimizer)


def evaluate_rows(
    made: Blueprint, row_loss: RowLoss, variables: Variables, data: Arrays, chunks: jax.Array, counts: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Every model applied to its own rows, as `Stack.evaluate` says."""
    features = features_of(data)
    size = chunks.shape[2]

    def apply_one(values: Variables, rows: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        given = arguments(made.applied, {name: columns[rows] for name, columns in features.items()})
        prediction, _ = made.applied.stateless_call(values.trainable, values.non_trainable, given, training=False)
        prediction = prediction.astype(jnp.float32)
        weight = data[WEIGHT][rows] if WEIGHT in data else jnp.ones(len(rows))
        return prediction, row_loss(prediction, data[LABEL][rows]), weight

    def chunk(number: jax.Array, rows: jax.Array) -> tuple[jax.Array, tuple[jax.Array, jax.Array, jax.Array]]:
        prediction, loss, weight = of_each(apply_one)(variables, rows)
        own = number * size + jnp.arange(size) < counts[:, None]
        weight = jnp.where(own, weight, 0.0)
        # Rows that only fill a chunk may have any loss, infinite ones too.
        total = jnp.where(own, loss * weight, 0.0).sum(axis=1)
        return number + 1, (prediction, total, weight.sum(axis=1))

    _, (predictions, losses, weights) = jax.lax.scan(chunk, jnp.int32(0), chunks)
    flat = jnp.moveaxis(predictions, 0, 1).reshape(len(counts), -1, predictions.shape[-1])
    total = weights.sum(axis=0)
    # Rows that all count nothing lose nothing: the final model is applied to a few rows only.
    return jnp.where(total > 0.0, losses.sum(axis=0) / total, 0.0), flat
