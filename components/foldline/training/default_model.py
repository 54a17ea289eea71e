"""The default model: a multilayer perceptron with embeddings for categories beside a linear model."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import layers

from foldline.training.inputs import ModelInputs

# Inputs are standardised; a value further out is noise to a perceptron and would rule a linear model.
FURTHEST_INPUT = 10.0
# Adam moves each weight by about the learning rate a step. These factors on the linear part let it converge within the
# few hundred steps that a table of a few hundred rows gives; rare categories would overfit at the pace of numbers.
NUMERIC_PACE = 20.0
CATEGORY_PACE = 10.0
# All numeric weights move at once, so their pace falls with their number where a step would otherwise overshoot.
WIDEST_AT_FULL_PACE = 75
# With fewer training rows than this for each numeric column a perceptron learns noise, and so does a linear model whose
# weights nothing shrinks.
FEWEST_ROWS_A_COLUMN = 2
PENALTY_OF_WIDE_TABLES = 0.2


def build_model(
    inputs: ModelInputs,
    hidden_units: Sequence[int] = (64, 64),
    dropout: float = 0.0,
    embedding_width: int = 0,
    penalty: float = 0.0,
) -> keras.Model:
    """A perceptron over numeric features and embedded categories, plus a linear model of the same features.

    The perceptron's last layer and all embeddings start at zero: training begins with a linear model, and a category
    that never occurs stays neutral.

    Args:
        hidden_units: width of each hidden layer.
        dropout: share of each hidden layer's units that a step leaves out.
        embedding_width: length of a category's vector; 0 takes twice the fourth root of the largest capacity, 16 at
            most.
        penalty: times the squared weights of the linear parts, added to the loss (ridge regression).
    """
    parts, linear = [], []
    if inputs.numeric:
        numeric = keras.ops.clip(inputs.tensors["numeric"], -FURTHEST_INPUT, FURTHEST_INPUT)
        parts.append(numeric)
        pace = NUMERIC_PACE * min(1.0, WIDEST_AT_FULL_PACE / len(inputs.numeric))
        ridge = keras.regularizers.L2(penalty * pace**2) if penalty else None
        weights = layers.Dense(
            inputs.units, use_bias=False, kernel_initializer="zeros", kernel_regularizer=ridge, name="linear"
        )
        linear.append(pace * weights(numeric))
    if inputs.categorical:
        capacities = [feature.capacity for feature in inputs.categorical]
        width = embedding_width or min(16, int(np.ceil(2 * max(capacities) ** 0.25)))
        # One table for all categories, the linear model's weights in its last columns: one lookup a row.
        offsets = np.cumsum([0, *capacities[:-1]]).astype(np.int32)
        table = layers.Embedding(
            sum(capacities), width + inputs.units, embeddings_initializer="zeros", name="categories"
        )
        vectors = table(inputs.tensors["categorical"] + offsets)
        parts.append(layers.Flatten()(vectors[:, :, :width]))
        linear.append(CATEGORY_PACE * keras.ops.sum(vectors[:, :, width:], axis=1))
    hidden = layers.Concatenate()(parts) if len(parts) > 1 else parts[0]
    for units in hidden_units:
        hidden = layers.Dense(units, activation="relu")(hidden)
        if dropout:
            hidden = layers.Dropout(dropout)(hidden)
    ridge = keras.regularizers.L2(penalty) if penalty else None
    deep = layers.Dense(inputs.units, kernel_initializer="zeros", kernel_regularizer=ridge, name="deep")(hidden)
    output = layers.Activation(inputs.activation)(layers.Add()([deep, *linear]))
    return keras.Model(inputs.tensors, output)


def suited_hyperparameters(columns: int, rows: int) -> dict[str, Any]:
    """Hyperparameters of `build_model` that a table asks for; empty where its defaults suit.

    A table with fewer than two training rows for each numeric column gets a linear model, whose penalty grows with the
    number of columns to each row.

    Args:
        columns: number of numeric features.
        rows: number of training rows.
    """
    if rows >= FEWEST_ROWS_A_COLUMN * columns:
        return {}
    return {"hidden_units": [], "penalty": PENALTY_OF_WIDE_TABLES * columns / rows}
