"""The default model: a multilayer perceptron with embeddings for categories beside a linear model."""

from collections.abc import Sequence

import keras
import numpy as np
from keras import layers

from foldline.training.inputs import ModelInputs

# Inputs are standardised; a value further out is noise to a perceptron and would rule a linear model.
FURTHEST_INPUT = 10.0
# Adam moves each weight by about the learning rate a step. Where the linear part begins at zero, these factors let it
# converge within a few hundred steps; rare categories would overfit at the pace of numbers.
NUMERIC_PACE = 20.0
CATEGORY_PACE = 10.0
# All numeric weights move at once, so their pace falls with their number where a step would otherwise overshoot.
WIDEST_AT_FULL_PACE = 75
# Layers whose weights `foldline.training.linear_start` gives.
LINEAR, CATEGORIES, DEEP = "linear", "categories", "deep"


def build_model(
    inputs: ModelInputs,
    hidden_units: Sequence[int] = (64, 64),
    dropout: float = 0.0,
    embedding_width: int = 0,
    pace: float = 0.0,
) -> keras.Model:
    """A perceptron over numeric features and embedded categories, plus a linear model of the same features.

    The perceptron's last layer and all embeddings start at zero: training begins with a linear model, and a category
    that never occurs stays neutral.

    Args:
        hidden_units: width of each hidden layer.
        dropout: share of each hidden layer's units that a step leaves out.
        embedding_width: length of a category's vector; 0 takes twice the fourth root of the largest capacity, 16 at
            most.
        pace: how much faster than the rest the linear part learns. 0: where its weights can be solved for, training
            begins with them and the pace is 1; else 20 for numbers (less beyond 75 of them) and 10 for categories.
    """
    parts, linear = [], []
    numeric_pace, category_pace = paces(pace, len(inputs.numeric))
    if inputs.numeric:
        numeric = keras.ops.clip(inputs.tensors["numeric"], -FURTHEST_INPUT, FURTHEST_INPUT)
        parts.append(numeric)
        weights = layers.Dense(inputs.units, use_bias=False, kernel_initializer="zeros", name=LINEAR)
        linear.append(numeric_pace * weights(numeric))
    if inputs.categorical:
        capacities = [feature.capacity for feature in inputs.categorical]
        width = embedding_width or min(16, int(np.ceil(2 * max(capacities) ** 0.25)))
        # One table for all categories, the linear model's weights in its last columns: one lookup a row.
        offsets = np.cumsum([0, *capacities[:-1]]).astype(np.int32)
        table = layers.Embedding(sum(capacities), width + inputs.units, embeddings_initializer="zeros", name=CATEGORIES)
        vectors = table(inputs.tensors["categorical"] + offsets)
        parts.append(layers.Flatten()(vectors[:, :, :width]))
        linear.append(category_pace * keras.ops.sum(vectors[:, :, width:], axis=1))
    hidden = layers.Concatenate()(parts) if len(parts) > 1 else parts[0]
    for units in hidden_units:
        hidden = layers.Dense(units, activation="relu")(hidden)
        if dropout:
            hidden = layers.Dropout(dropout)(hidden)
    deep = layers.Dense(inputs.units, kernel_initializer="zeros", name=DEEP)(hidden)
    output = layers.Activation(inputs.activation)(layers.Add()([deep, *linear]))
    return keras.Model(inputs.tensors, output)


def paces(pace: float, columns: int) -> tuple[float, float]:
    """The factors on the linear part's numbers and categories in a model with `columns` numeric columns."""
    if pace:
        return pace, pace
    return NUMERIC_PACE * min(1.0, WIDEST_AT_FULL_PACE / max(columns, 1)), CATEGORY_PACE
