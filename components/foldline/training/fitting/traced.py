"""A stack's variation as its programs take it: numbers in the place of constants of model and optimiser."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import keras

from foldline.training.fitting.blueprint import Blueprint
from foldline.training.fitting.optimizer import make_schedule


class Traced(NamedTuple):
    """The values of a `Variation`, and of dropout what layers keep; first axis K, or of one model without it."""

    learning_rate: Any
    weight_decay: Any
    kept: Any


def dropout_layers(model: keras.Model) -> list[Any]:
    """The layers of exactly Keras' `Dropout` whose rate may be any other between 0 and 1.

    Keras makes no seed for a rate of 0 and draws nothing for one of 1: such a layer is part of the program.
    """
    # Layers of layers too; `model.layers` has only the first level.
    every = model._flatten_layers()
    return [layer for layer in every if type(layer) is keras.layers.Dropout and 0.0 < layer.rate < 1.0]


@contextmanager
def varied(made: Blueprint, own: Traced | None) -> Iterator[None]:
    """While the block is traced, model and optimiser have these values, of one model."""
    if own is None:
        yield
        return
    optimizer, layers = made.optimizer, dropout_layers(made.model)
    decay, scheduled = optimizer.weight_decay, bool(made.fitting.schedule.name)
    if scheduled:
        schedule = optimizer._learning_rate
        optimizer.learning_rate = make_schedule(made.fitting, own.learning_rate, made.training_steps)
    if own.weight_decay is not None:
        optimizer.weight_decay = own.weight_decay
    for index, layer in enumerate(layers):
        layer.call = _dropping(layer, own.kept[index])
    try:
        yield
    finally:
        for layer in layers:
            del layer.call
        optimizer.weight_decay = decay
        if scheduled:
            optimizer.learning_rate = schedule


def _dropping(layer: Any, kept: jax.Array) -> Callable[..., jax.Array]:
    """What `layer.call` computes, for a rate that is no constant."""

    def call(inputs: jax.Array, training: bool = False) -> jax.Array:
        if not training:
            return inputs
        given = layer.noise_shape or (None,) * inputs.ndim
        shape = [size if own is None else own for size, own in zip(inputs.shape, given, strict=True)]
        mask = jax.random.bernoulli(layer.seed_generator.next(), p=kept, shape=shape)
        return jnp.where(mask, inputs / kept.astype(inputs.dtype), jnp.zeros_like(inputs))

    return call
