"""The stack: what training together must not change, and what stops it."""

import re
from dataclasses import replace

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders.fold_rows import LAYOUT, TASKS, rows_of
from foldline.artifacts import Task
from foldline.errors import ArgumentError, ModelCodeError, TrainingError
from foldline.training.fit import Fitted, Rows, choose_batch_size, fit
from foldline.training.fitting.loss import row_loss
from foldline.training.fitting.orders import epoch_order, evaluation_chunks
from foldline.training.model_code import BuildModel, load_build_model, make_model

BINARY = TASKS["binary"]

NORMALISED = """
import keras

def build_model(inputs, dropout=0.0):
    hidden = keras.layers.Dense(8, activation="relu")(inputs.tensors["numeric"])
    hidden = keras.layers.BatchNormalization(momentum=0.5)(hidden)
    hidden = keras.layers.Dropout(dropout)(hidden)
    return keras.Model(inputs.tensors, keras.layers.Dense(inputs.units, activation=inputs.activation)(hidden))
"""

BARE = """
import keras

def build_model(inputs):
    return keras.Model(inputs.tensors, keras.layers.Dense(inputs.units)(inputs.tensors["numeric"]))
"""


def alone(rows: Rows, index: int) -> Rows:
    return Rows((rows.folds[index],), rows.features, rows.label, (rows.training[index],), (rows.validation[index],))


def train(rows: Rows, build: BuildModel, task: Task = BINARY, **settings: object) -> Fitted:
    lines: list[str] = []
    hyperparameters = settings.pop("hyperparameters", {})
    defaults = {"epochs": 1, "batch_size": 16, "learning_rate": 0.01, "seed": 3, "say": lines.append}
    return fit(lambda: make_model(build, hyperparameters, LAYOUT, task), task, rows, **(defaults | settings))


def leaves(fitted: Fitted, index: int) -> list[np.ndarray]:
    return [value[index] for value in (*fitted.variables.trainable, *fitted.variables.non_trainable)]


@pytest.mark.parametrize(("kind", "code"), [("binary", ""), ("multiclass", NORMALISED), ("regression", "")], ids=TASKS)
def test_folds_of_unequal_size_train_together_as_they_would_alone(kind: str, code: str) -> None:
    task = TASKS[kind]
    rows = rows_of((100, 36), kind)
    build = load_build_model("", code)
    together = train(rows, build, task)
    for index in range(2):
        single = train(alone(rows, index), build, task)
        for one, other in zip(leaves(together, index), leaves(single, 0), strict=True):
            np.testing.assert_allclose(one, other, atol=1e-4)
        np.testing.assert_allclose(together.predictions[index], single.predictions[0], atol=1e-4)
        np.testing.assert_allclose(together.training_loss[0][index], single.training_loss[0][0], atol=1e-4)
        np.testing.assert_allclose(together.validation_loss[0][index], single.validation_loss[0][0], atol=1e-4)


def test_folds_begin_and_end_apart() -> None:
    fitted = train(rows_of((64, 64)), load_build_model("", NORMALISED))
    for name, value in zip(
        (*fitted.names[0], *fitted.names[1]),
        (*fitted.variables.trainable, *fitted.variables.non_trainable),
        strict=True,
    ):
        assert not np.array_equal(value[0], value[1]), name


def test_each_fold_draws_its_own_dropout() -> None:
    rows = rows_of((64,))
    twice = Rows((0, 1), rows.features, rows.label, rows.training * 2, rows.validation * 2)
    build = load_build_model("", NORMALISED)
    fitted = train(twice, build, hyperparameters={"dropout": 0.5})
    (seeds,) = (
        value
        for name, value in zip(fitted.names[1], fitted.variables.non_trainable, strict=True)
        if name == "seed_generator_state"
    )
    assert not np.array_equal(seeds[0], seeds[1])
    single = train(alone(twice, 1), build, hyperparameters={"dropout": 0.5})
    for one, other in zip(leaves(fitted, 1), leaves(single, 0), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others() -> None:
    build = load_build_model("")
    first, again, other = (train(rows_of((64, 48)), build, seed=seed) for seed in (3, 3, 4))
    assert all(np.array_equal(*pair) for pair in zip(leaves(first, 0), leaves(again, 0), strict=True))
    assert not np.array_equal(first.predictions[0], other.predictions[0])


@pytest.mark.parametrize("kind", TASKS)
def test_the_loss_of_a_row_is_as_defined(kind: str) -> None:
    random = np.random.default_rng(0)
    task = TASKS[kind]
    raw = random.normal(size=(50, task.outputs)).astype(np.float32)
    if kind == "regression":
        label = random.normal(size=50).astype(np.float32)
        prediction, expected = raw, (raw[:, 0] - label) ** 2
    elif kind == "binary":
        label = (random.random(50) < 0.5).astype(np.float32)
        prediction = 1 / (1 + np.exp(-raw))
        expected = -np.log(np.where(label == 1, prediction[:, 0], 1 - prediction[:, 0]))
    else:
        label = random.integers(0, 3, 50).astype(np.float32)
        prediction = np.exp(raw) / np.exp(raw).sum(axis=1, keepdims=True)
        expected = -np.log(prediction[np.arange(50), label.astype(int)])
    np.testing.assert_allclose(row_loss(task, prediction, label), expected, rtol=1e-5)


@given(
    sizes=st.lists(st.integers(5, 60), min_size=1, max_size=4), epoch=st.integers(1, 9), batch_size=st.integers(1, 5)
)
def test_an_epoch_shows_each_fold_its_own_rows_once(sizes: list[int], epoch: int, batch_size: int) -> None:
    starts = np.cumsum([0, *sizes])
    positions = [np.arange(start, start + size, dtype=np.int32) for start, size in zip(starts, sizes, strict=False)]
    order, steps = epoch_order(positions, range(len(sizes)), seed=1, epoch=epoch, batch_size=batch_size)
    for index, own in enumerate(positions):
        shown = order[: steps[index], index].ravel()
        assert len(shown) == len(own) // batch_size * batch_size
        assert len(set(shown)) == len(shown)
        assert set(shown) <= set(own)
        single, _ = epoch_order([own], [index], seed=1, epoch=epoch, batch_size=batch_size)
        assert np.array_equal(single[:, 0], order[: steps[index], index])


def test_two_epochs_show_rows_in_different_orders() -> None:
    own = [np.arange(50, dtype=np.int32)]
    first, second = (epoch_order(own, [0], seed=0, epoch=epoch, batch_size=50)[0] for epoch in (1, 2))
    assert not np.array_equal(first, second)


@given(sizes=st.lists(st.integers(1, 40), min_size=1, max_size=4), most=st.integers(1, 50))
def test_chunks_hold_every_row_in_order(sizes: list[int], most: int) -> None:
    positions = [np.arange(size, dtype=np.int32) + 100 * index for index, size in enumerate(sizes)]
    chunks, counts = evaluation_chunks(positions, most)
    for index, own in enumerate(positions):
        assert np.array_equal(chunks[:, index].ravel()[: counts[index]], own)


@pytest.mark.parametrize(
    ("rows", "batch_size"), [(5, 5), (100, 16), (1000, 16), (1601, 32), (10_000, 256), (160_000, 1024), (10**7, 1024)]
)
def test_the_batch_size_follows_from_the_smallest_fold(rows: int, batch_size: int) -> None:
    assert choose_batch_size(rows) == batch_size


def test_an_early_stop_keeps_the_epoch_with_the_lowest_mean_validation_loss() -> None:
    rows = rows_of((100, 60, 80))
    rows.label[:] = np.random.default_rng(5).integers(0, 2, len(rows.label))
    build = load_build_model("")
    stopped = train(rows, build, epochs=40, patience=3, learning_rate=0.02)
    means = np.array(stopped.validation_loss).mean(axis=1)
    assert stopped.epochs == 1 + means.argmin()
    assert len(means) == stopped.epochs + 3 < 40
    kept = train(rows, build, epochs=stopped.epochs, learning_rate=0.02)
    for index in range(3):
        for one, other in zip(leaves(stopped, index), leaves(kept, index), strict=True):
            np.testing.assert_array_equal(one, other)
        own = rows.label[rows.validation[index]]
        loss = np.mean(row_loss(BINARY, stopped.predictions[index], own))
        np.testing.assert_allclose(loss, stopped.validation_loss[stopped.epochs - 1][index], rtol=1e-5)


@pytest.mark.parametrize("spoilt", ["label", "numeric"])
def test_a_loss_that_is_not_finite_names_fold_and_epoch(spoilt: str) -> None:
    rows = rows_of((64, 64, 64))
    (rows.label if spoilt == "label" else rows.features["numeric"])[rows.training[1][:3]] = np.nan
    task = TASKS["regression"]
    with pytest.raises(TrainingError, match="training loss of fold 1 in epoch 1: expected a finite number, got nan"):
        train(rows, load_build_model(""), task, epochs=2)


def test_a_loss_that_overflows_in_a_later_epoch_names_that_epoch() -> None:
    with pytest.raises(TrainingError, match=r"loss of fold 0 in epoch 2: .* Lower learning_rate"):
        train(
            rows_of((64,)), load_build_model("", BARE), TASKS["regression"], epochs=3, batch_size=64, learning_rate=1e25
        )


@pytest.mark.parametrize(
    ("kind", "said"), [("binary", "probabilities in [0, 1], got values"), ("multiclass", "sum to 1")]
)
def test_an_output_without_its_activation_is_told(kind: str, said: str) -> None:
    with pytest.raises(ModelCodeError, match=re.escape(said)):
        train(rows_of((64,), kind), load_build_model("", BARE), TASKS[kind])


def test_a_final_model_is_trained_where_the_rows_that_it_is_applied_to_count_nothing() -> None:
    rows = rows_of((64,))
    weight = np.ones(len(rows.label), dtype=np.float32)
    weight[rows.validation[0]] = 0.0
    fitted = train(replace(rows, folds=(-1,), weight=weight), load_build_model(""))
    assert fitted.validation_loss == [[0.0]]
    assert np.isfinite(fitted.predictions[0]).all()


def test_a_batch_larger_than_a_fold_is_refused() -> None:
    with pytest.raises(ArgumentError, match=r"batch_size: expected 1 to 30, the training rows .* got 31"):
        train(rows_of((64, 30)), load_build_model(""), batch_size=31)


def test_regularisation_counts_in_training_only() -> None:
    code = """
import keras

def build_model(inputs, strength=0.0):
    last = keras.layers.Dense(1, activation="sigmoid", kernel_regularizer=keras.regularizers.L2(strength))
    return keras.Model(inputs.tensors, last(inputs.tensors["numeric"]))
"""
    build = load_build_model("", code)
    free, bound = (
        train(rows_of((64,)), build, epochs=30, hyperparameters={"strength": strength}) for strength in (0.0, 10.0)
    )
    free_norm, bound_norm = (np.linalg.norm(fitted.variables.trainable[0]) for fitted in (free, bound))
    assert bound_norm < 0.5 * free_norm


def test_a_line_is_said_for_each_epoch() -> None:
    lines: list[str] = []
    train(rows_of((64, 64)), load_build_model(""), epochs=2, patience=2, say=lines.append)
    form = r"epoch \d/2: training loss \d.*, validation loss \d.*, at most \d+ s left"
    assert [bool(re.fullmatch(form, line)) for line in lines] == [True, True]


def test_keras_runs_on_jax_here() -> None:
    assert keras.backend.backend() == "jax"
