"""The programs of a stack as JAX traces them: an epoch of steps, and the application to rows."""

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
        with varied(made, own):
            (loss, changed), gradients = jax.value_and_grad(mean_loss, has_aux=True)(
                old.trainable, old.non_trainable, rows, of_class
            )
            trainable, optimizer = made.optimizer.stateless_apply(state.optimizer, gradients, old.trainable)
        squares = [jnp.sum(jnp.square(leaf.astype(jnp.float32))) for leaf in jax.tree.leaves(gradients)]
        norm = jnp.sqrt(jnp.sum(jnp.stack(squares)))
        new = State(Variables(trainable, changed), optimizer)
        if ragged:
            new = jax.tree.map(lambda after, before: jnp.where(active, after, before), new, state)
            loss, norm = (jnp.where(active, value, 0.0) for value in (loss, norm))
        return new, Epoch(loss, norm)

    def step(state: State, given: tuple[jax.Array, jax.Array]) -> tuple[State, Epoch]:
        rows, number = given
        stepped: tuple[State, Epoch] = of_each(step_of_one)(state, rows, number < steps, class_weight, variation)
        return stepped

    state, every = jax.lax.scan(step, state, (order, jnp.arange(len(order))))
    return state, Epoch(every.loss.sum(axis=0) / jnp.maximum(steps, 1), every.steepest.max(axis=0))


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
    return losses.sum(axis=0) / weights.sum(axis=0), flat
