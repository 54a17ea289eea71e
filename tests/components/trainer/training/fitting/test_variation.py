"""Models that differ in learning rate, weight decay and dropout train together as each would alone."""

from dataclasses import replace
from typing import Any

import jax
import numpy as np
import pytest

from builders.fold_rows import LAYOUT, TASKS
from foldline.errors import ArgumentError
from foldline.training.fitting.members import Members
from foldline.training.fitting.rows import Rows
from foldline.training.fitting.settings import Fitting
from foldline.training.fitting.variation import Likeness, Variation, likeness
from foldline.training.model_code import load_build_model, make_model

BINARY = TASKS["binary"]
DROPPING = """
import keras

def build_model(inputs, first=0.0, second=0.0, units=8, scale=1.0, negative=0.1):
    class Scaled(keras.layers.Layer):
        def call(self, values):
            return scale * values

    hidden = Scaled()(inputs.tensors["numeric"])
    hidden = keras.layers.Dense(units)(hidden)
    hidden = keras.layers.LeakyReLU(negative_slope=negative)(hidden)
    hidden = keras.Sequential([keras.layers.Dropout(first)])(hidden)
    hidden = keras.layers.Dense(8, activation="relu")(hidden)
    hidden = keras.layers.Dropout(second, noise_shape=(None, 1))(hidden)
    return keras.Model(inputs.tensors, keras.layers.Dense(inputs.units, activation=inputs.activation)(hidden))
"""
RATES = [0.003, 0.01, 0.03]
DECAYS = [0.0, 0.1, 0.5]
DROPOUT = [(0.1, 0.4), (0.5, 0.25), (0.3, 0.05)]


def several(rows: Rows, trials: int) -> Rows:
    """Every fold of `rows` once for each trial."""
    return replace(
        rows, folds=rows.folds * trials, training=rows.training * trials, validation=rows.validation * trials
    )


def alike(hyperparameters: dict[str, Any], rows: Rows, fitting: dict[str, Any]) -> Likeness:
    build = load_build_model("", DROPPING)
    return likeness(
        lambda: make_model(build, hyperparameters, LAYOUT, BINARY), BINARY, rows, Fitting.parse(fitting, BINARY)
    )


@pytest.mark.parametrize(
    ("fitting", "decays"),
    [
        ({}, None),
        ({"optimizer": {"name": "adamw"}}, DECAYS),
        ({"optimizer": {"name": "sgd", "momentum": 0.9}}, DECAYS),
        ({"schedule": {"name": "cosine", "warmup_steps": 3}}, None),
        ({"schedule": "polynomial", "optimizer": {"name": "adamw"}}, DECAYS),
        ({"precision": "mixed_bfloat16"}, None),
    ],
    ids=["adam", "adamw", "sgd", "cosine", "polynomial", "bfloat16"],
)
def test_trials_that_differ_in_numbers_train_together_as_each_alone(
    train: Any, rows: Any, fitting: dict[str, Any], decays: list[float] | None
) -> None:
    table = rows((80, 48))
    parameters = [{"first": first, "second": second} for first, second in DROPOUT]
    found = [alike(own, table, fitting) for own in parameters]
    assert len({own.key for own in found}) == 1
    variation = Variation(
        np.repeat(np.array(RATES, dtype=np.float32), 2),
        None if decays is None else np.repeat(np.array(decays, dtype=np.float32), 2),
        np.repeat(np.array([own.dropout for own in found]), 2, axis=0),
    )
    given = {"code": DROPPING, "epochs": 2, "patience": 2}
    stacked = train(
        several(table, 3), hyperparameters=parameters[0], fitting=fitting | {"stopping": "each"}, variation=variation,
        **given,
    )  # fmt: skip
    for trial, (rate, own) in enumerate(zip(RATES, parameters, strict=True)):
        settings = dict(fitting)
        if decays is not None:
            named = settings["optimizer"]
            settings["optimizer"] = named | {"weight_decay": decays[trial]}
        alone = train(
            table, hyperparameters=own, fitting=settings | {"stopping": "each"}, learning_rate=rate, mode="sequential",
            **given,
        )  # fmt: skip
        tolerance = 5e-3 if "precision" in fitting else 1e-5
        for fold in range(2):
            for one, other in zip(stacked.leaves(2 * trial + fold), alone.leaves(fold), strict=True):
                np.testing.assert_allclose(one, other, atol=tolerance, rtol=0)
        assert stacked.fitted.kept[2 * trial : 2 * trial + 2] == alone.fitted.kept


@pytest.mark.parametrize(
    ("one", "other", "together"),
    [
        ({"first": 0.1, "second": 0.2}, {"first": 0.4, "second": 0.3}, True),
        ({"first": 0.0, "second": 0.2}, {"first": 0.0, "second": 0.3}, True),
        ({"first": 0.0}, {"first": 0.4}, False),
        ({"first": 1.0}, {"first": 0.4}, False),
        ({"units": 8}, {"units": 16}, False),
        ({"scale": 1.5}, {"scale": 2.5}, False),
        ({"negative": 0.1}, {"negative": 0.2}, False),
    ],
    ids=["rates", "one is 0", "0 beside 0.4", "1 beside 0.4", "width", "untold constant", "slope"],
)
def test_models_share_a_key_where_only_rates_of_dropout_differ(
    rows: Any, one: dict[str, Any], other: dict[str, Any], together: bool
) -> None:
    table = rows((32,))
    first, second = (alike(own, table, {}) for own in (one, other))
    assert (first.key == second.key) == together


@pytest.mark.parametrize(
    ("one", "other", "together"),
    [
        ({}, {"optimizer": {"name": "adam", "weight_decay": 0.1}}, True),
        ({"optimizer": "adamw"}, {"optimizer": {"name": "adamw", "weight_decay": 0.1}}, True),
        ({}, {"optimizer": "sgd"}, False),
        ({"optimizer": {"name": "adam", "clipnorm": 1.0}}, {"optimizer": {"name": "adam", "clipnorm": 2.0}}, False),
        ({}, {"class_weight": "balanced"}, False),
        ({}, {"stopping": "each"}, False),
    ],
    ids=["decay", "default decay", "optimizer", "clipping", "class weight", "stopping"],
)
def test_settings_of_the_program_are_part_of_the_key(
    rows: Any, one: dict[str, Any], other: dict[str, Any], together: bool
) -> None:
    table = rows((32,))
    first, second = (alike({}, table, own) for own in (one, other))
    assert (first.key == second.key) == together


def test_a_variation_of_models_with_and_without_decay_takes_0_for_none(rows: Any) -> None:
    table = rows((32,))
    optimizers = ({}, {"optimizer": {"name": "adam", "weight_decay": 0.1}})
    found = [alike({"second": 0.2}, table, fitting) for fitting in optimizers]
    made = Variation.among([0.1, 0.2], found)
    np.testing.assert_allclose(made.weight_decay, [0.0, 0.1])
    np.testing.assert_allclose(made.dropout, [[0.2], [0.2]])
    assert Variation.among([0.1], found[:1]).weight_decay is None
    with pytest.raises(ArgumentError, match="models of one stack: expected equal keys"):
        Variation.among([0.1, 0.2], [found[0], replace(found[1], key="")])


def of_rates(*rates: float) -> Variation:
    return Variation(np.array(rates, dtype=np.float32), None, np.zeros((len(rates), 0)))


BARE = """
import keras

def build_model(inputs):
    return keras.Model(inputs.tensors, keras.layers.Dense(inputs.units)(inputs.tensors["numeric"]))
"""


@pytest.mark.parametrize("mode", ["stacked", "sequential"])
@pytest.mark.parametrize("stopping", ["each", "together"])
def test_a_model_that_diverges_ends_alone_and_leaves_the_others_as_they_are(
    train: Any, rows: Any, mode: str, stopping: str
) -> None:
    table = rows((64,))
    given = {"kind": "regression", "code": BARE, "epochs": 4, "patience": 2, "batch_size": 64, "mode": mode}
    given["fitting"] = {"stopping": stopping, "optimizer": "sgd"}
    whole = train(several(table, 3), variation=of_rates(0.01, 1e18, 0.1), tolerate=True, **given)
    assert list(whole.fitted.failures) == [1]
    assert "fold 0 in epoch" in whole.fitted.failures[1]
    assert "expected a finite number" in whole.fitted.failures[1]
    assert whole.lines[-1].startswith("epoch 4/4")
    assert "2 models go on" in whole.lines[-1]
    others = train(several(table, 2), variation=of_rates(0.01, 0.1), **given)
    for index, own in ((0, 0), (2, 1)):
        for one, other in zip(whole.leaves(index), others.leaves(own), strict=True):
            np.testing.assert_allclose(one, other, atol=1e-6)
        assert whole.fitted.kept[index] == others.fitted.kept[own]
    assert np.isfinite(np.array(whole.fitted.validation_loss)[:, [0, 2]]).all()


def test_a_training_ends_where_all_models_have_failed(train: Any, rows: Any) -> None:
    given = {"kind": "regression", "code": BARE, "epochs": 9, "patience": 2, "batch_size": 64}
    fitted = train(
        several(rows((64,)), 2), variation=of_rates(1e18, 1e19), tolerate=True, fitting={"optimizer": "sgd"}, **given
    ).fitted
    assert sorted(fitted.failures) == [0, 1]
    assert len(fitted.training_loss) < 9


def test_trials_survive_a_lack_of_memory(train: Any, rows: Any, monkeypatch: Any) -> None:
    table = several(rows((64,)), 4)
    variation = of_rates(0.01, 0.02, 0.03, 0.04)
    whole = train(table, variation=variation)
    honest = Members.train

    def refused(self: Members, epoch: int, active: Any) -> Any:
        if self.size > 2:
            raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 17179869184 bytes.")
        return honest(self, epoch, active)

    monkeypatch.setattr(Members, "train", refused)
    halved = train(table, variation=variation)
    assert halved.fitted.mode.size == 2
    halved.same_as(whole)


def test_the_models_of_one_fold_begin_alike(train: Any, rows: Any) -> None:
    variation = of_rates(0.01, 0.01)
    fitted = train(several(rows((64,)), 2), variation=variation)
    for one, other in zip(fitted.leaves(0), fitted.leaves(1), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("variation", "said"),
    [
        (of_rates(0.1), "learning_rate of the variation: expected 1 dimensions, the first of 2 models, got shape"),
        (of_rates(0.1, 0.0), "learning_rate of the variation: expected numbers above 0"),
        (Variation(np.ones(2, np.float32), None, np.zeros(2)), "dropout of the variation: expected 2 dimensions"),
    ],
    ids=["too few", "zero", "flat"],
)
def test_a_variation_that_does_not_fit_the_stack_is_refused(
    train: Any, rows: Any, variation: Variation, said: str
) -> None:
    with pytest.raises(ArgumentError, match=said):
        train(several(rows((32,)), 2), variation=variation)


def test_callbacks_that_see_means_of_all_models_are_refused_where_models_differ(train: Any, rows: Any) -> None:
    import keras

    with pytest.raises(ArgumentError, match="callbacks: expected none where models differ"):
        train(several(rows((32,)), 2), variation=of_rates(0.1, 0.2), callbacks=lambda: [keras.callbacks.Callback()])
