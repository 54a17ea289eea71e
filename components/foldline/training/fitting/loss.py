"""The loss of a row."""

import inspect
from collections.abc import Callable

import jax
import jax.numpy as jnp
import keras

from foldline.artifacts import Task
from foldline.errors import ArgumentError
from foldline.training.fitting.settings import Named

# Distance that a probability keeps from 0 and 1 in the loss.
CLIP = 1e-7

# Prediction, shape (n_rows, task.outputs), and label, shape (n_rows,), to the loss of each row, shape (n_rows,).
RowLoss = Callable[[jax.Array, jax.Array], jax.Array]


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


def loss_of(named: Named, task: Task) -> RowLoss:
    """The loss that `named` gives for rows of `task`.

    Functions of `keras.losses` for several classes get one-hot labels, the `sparse_` ones indices.

    Raises:
        ArgumentError: Keras has no such function, or it takes no such argument.
    """
    if not named.name:
        return lambda prediction, label: row_loss(task, prediction, label)
    function = getattr(keras.losses, named.name, None)
    if not inspect.isfunction(function) or "y_true" not in inspect.signature(function).parameters:
        expected = "the name of a function of keras.losses, such as huber or binary_focal_crossentropy"
        raise ArgumentError("field 'loss' of fitting", expected=expected, got=repr(named.name))
    accepted = list(inspect.signature(function).parameters)[2:]
    strangers = sorted(set(named.arguments) - set(accepted))
    if strangers:
        raise ArgumentError(
            "field 'loss' of fitting", expected=f"arguments of {named.name}: {accepted}", got=f"{strangers}"
        )
    classes = task.outputs if task.kind == "multiclass" and not named.name.startswith("sparse_") else 0

    def rows(prediction: jax.Array, label: jax.Array) -> jax.Array:
        truth = jax.nn.one_hot(label.astype(jnp.int32), classes) if classes else label[:, None]
        losses: jax.Array = function(truth, prediction, **named.arguments)
        return losses.reshape(len(label))

    return rows
