"""A model with a bug that no training row shows: a month that training never saw makes it divide by zero."""

from typing import Any

import keras

UNKNOWN = 1


def build_model(inputs: Any) -> keras.Model:
    position = [feature.name for feature in inputs.categorical].index("month")
    month = keras.ops.one_hot(inputs.tensors["categorical"][:, position], inputs.categorical[position].capacity)
    known = keras.ops.concatenate([month[:, :UNKNOWN], month[:, UNKNOWN + 1 :]], axis=1)
    share = known / keras.ops.sum(known, axis=1, keepdims=True)
    hidden = keras.layers.Dense(32, activation="tanh")(keras.layers.Concatenate()([inputs.tensors["numeric"], share]))
    return keras.Model(inputs.tensors, keras.layers.Dense(inputs.units, activation=inputs.activation)(hidden))
