"""The model and the space of the search benchmark, the same for all who search."""

BATCH = 64
RATES, DROPOUTS = (1e-3, 0.1), (0.05, 0.5)
SPACE = {
    "learning_rate": {"type": "float", "low": RATES[0], "high": RATES[1], "log": True},
    "dropout": {"type": "float", "low": DROPOUTS[0], "high": DROPOUTS[1]},
}
WIDTH = 64
CODE = f"""
import keras

def build_model(inputs, dropout=0.1):
    hidden = inputs.tensors["numeric"]
    for _ in range(2):
        hidden = keras.layers.Dense({WIDTH}, activation="relu")(hidden)
        hidden = keras.layers.Dropout(dropout)(hidden)
    return keras.Model(inputs.tensors, keras.layers.Dense(inputs.units, activation=inputs.activation)(hidden))
"""
