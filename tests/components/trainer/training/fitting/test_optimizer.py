"""An optimiser that sees each variable as a row of numbers changes nothing but time."""

from typing import Any

import keras
import numpy as np
import pytest

from foldline.training.fitting import blueprint
from foldline.training.fitting.optimizer import ELEMENTWISE

BOUND = """
import keras

def build_model(inputs):
    bound = keras.layers.Dense(4, kernel_constraint=keras.constraints.UnitNorm())(inputs.tensors["numeric"])
    return keras.Model(inputs.tensors, keras.layers.Dense(inputs.units, activation=inputs.activation)(bound))
"""


@pytest.mark.parametrize("name", ["adamw", "ftrl", "sgd"])
def test_a_step_is_the_same_whether_a_variable_has_its_shape_or_is_a_row(
    train: Any, rows: Any, monkeypatch: Any, name: str
) -> None:
    assert name in ELEMENTWISE
    given = {"fitting": {"optimizer": {"name": name, "clipnorm": 0.5, "weight_decay": 0.01}}, "epochs": 3}
    flat = train(rows((80, 48)), **given)
    monkeypatch.setattr(blueprint, "ELEMENTWISE", ())
    flat.same_as(train(rows((80, 48)), **given), tolerance=1e-5)


def test_optimisers_that_look_at_shapes_see_them() -> None:
    known = {name.lower() for name in vars(keras.optimizers)}
    assert set(ELEMENTWISE) <= known
    assert not {"adafactor", "muon", "lamb"} & set(ELEMENTWISE)


def test_a_constraint_on_a_variable_holds(train: Any, rows: Any) -> None:
    trained = train(rows((64, 64)), code=BOUND)
    for index in range(2):
        kernel = trained.leaves(index)[0]
        np.testing.assert_allclose(np.linalg.norm(kernel, axis=0), 1.0, atol=1e-5)
