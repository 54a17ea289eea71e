"""The document of fitting: what it may say, and what each field does."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pyarrow as pa
import pytest

from foldline.artifacts import Task
from foldline.errors import ArgumentError, DataError
from foldline.training.fitting.loss import loss_of
from foldline.training.fitting.optimizer import make_optimizer
from foldline.training.fitting.rows import class_weights
from foldline.training.fitting.settings import Fitting, Named
from foldline.training.fitting.weights_file import local_weights
from foldline.training.rows import weights_of

BINARY, MANY, VALUE = Task("binary", ("no", "yes")), Task("multiclass", ("a", "b", "c")), Task("regression")
PLAIN = """
import keras

def build_model(inputs):
    last = keras.layers.Dense(inputs.units, activation=inputs.activation, name="last")
    return keras.Model(inputs.tensors, last(inputs.tensors["numeric"]))
"""


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"optimiser": "adam"}, r"field 'optimiser' of fitting: .* Did you mean 'optimizer'\?"),
        ({"optimizer": 3}, "field 'optimizer' of fitting: expected a name, or an object"),
        ({"optimizer": {"weight_decay": 0.1}}, "field 'optimizer' of fitting: expected a name"),
        ({"precision": "float16"}, "field 'precision' of fitting: expected float32 or mixed_bfloat16, got 'float16'"),
        ({"stopping": "never"}, "field 'stopping' of fitting: expected together or each"),
        ({"deterministic": "yes"}, "field 'deterministic' of fitting: expected true or false"),
        ({"class_weight": {"no": 1.0}}, "field 'class_weight' of fitting: expected 'balanced', or a number above 0"),
        ({"class_weight": {"no": 1.0, "yes": -1.0}}, "number above 0"),
    ],
)
def test_a_wrong_document_is_refused_by_field(document: dict[str, Any], said: str) -> None:
    with pytest.raises(ArgumentError, match=said):
        Fitting.parse(document, BINARY)


def test_class_weights_of_a_regression_are_refused() -> None:
    with pytest.raises(ArgumentError, match="expected nothing for a regression"):
        Fitting.parse({"class_weight": "balanced"}, VALUE)


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"optimizer": {"name": "sgd", "momentum": 0.9}, "schedule": {"name": "cosine", "warmup_steps": 5}},
        {"loss": "huber", "stopping": "each", "deterministic": True},
        {"class_weight": {"no": 1.0, "yes": 3.0}, "weight_column": "w", "precision": "mixed_bfloat16"},
    ],
)
def test_a_document_is_read_as_it_was_written(document: dict[str, Any]) -> None:
    fitting = Fitting.parse(document, BINARY)
    assert Fitting.parse(fitting.to_json(), BINARY) == fitting


def test_whole_numbers_that_came_as_fractions_are_whole_again() -> None:
    assert Named.parse({"name": "cosine", "decay_steps": 100.0, "alpha": 0.0}, "x").arguments == {
        "decay_steps": 100,
        "alpha": 0.0,
    }


@pytest.mark.parametrize("name", ["adam", "AdamW", "SGD", "rmsprop", "lion", "nadam"])
def test_an_optimizer_is_found_by_its_name(name: str) -> None:
    made = make_optimizer(Fitting(optimizer=Named(name)), 0.01, 100)
    assert type(made).__name__.lower() == name.lower()
    assert float(made.learning_rate) == pytest.approx(0.01)


@pytest.mark.parametrize(
    ("fitting", "said"),
    [
        (Fitting(optimizer=Named("adamm")), r"field 'optimizer' of fitting: expected one of \[.*'adam'"),
        (Fitting(optimizer=Named("adam", {"betas": 1})), "expected arguments of adam"),
        (Fitting(optimizer=Named("adam", {"use_ema": True})), "expected none of"),
        (Fitting(schedule=Named("linear")), r"field 'schedule' of fitting: expected one of \['cosine'"),
        (Fitting(schedule=Named("exponential")), "expected arguments of ExponentialDecay"),
    ],
)
def test_what_keras_does_not_have_is_refused(fitting: Fitting, said: str) -> None:
    with pytest.raises(ArgumentError, match=said):
        make_optimizer(fitting, 0.01, 100)


def test_a_schedule_lasts_for_the_whole_training() -> None:
    rate = make_optimizer(Fitting(schedule=Named("cosine", {"warmup_steps": 20})), 0.1, 100)._learning_rate
    np.testing.assert_allclose([float(rate(step)) for step in (0, 10, 20, 60, 100)], [0, 0.05, 0.1, 0.05, 0], atol=1e-6)


@pytest.mark.parametrize(
    ("task", "named", "expected"),
    [
        (VALUE, Named("mean_absolute_error"), lambda p, y: np.abs(p[:, 0] - y)),
        (VALUE, Named("huber", {"delta": 0.5}), lambda p, y: np.where(
            np.abs(p[:, 0] - y) <= 0.5, 0.5 * (p[:, 0] - y) ** 2, 0.5 * np.abs(p[:, 0] - y) - 0.125)),
        (BINARY, Named("binary_focal_crossentropy", {"gamma": 0.0}), lambda p, y: -np.log(
            np.where(y == 1, p[:, 0], 1 - p[:, 0]))),
        (MANY, Named("categorical_crossentropy"), lambda p, y: -np.log(p[np.arange(len(y)), y.astype(int)])),
        (MANY, Named("sparse_categorical_crossentropy"), lambda p, y: -np.log(p[np.arange(len(y)), y.astype(int)])),
    ],
)  # fmt: skip
def test_a_loss_of_keras_gives_a_number_for_each_row(task: Task, named: Named, expected: Any) -> None:
    random = np.random.default_rng(0)
    raw = random.random((40, task.outputs)).astype(np.float32) * 0.9 + 0.05
    prediction = raw / raw.sum(axis=1, keepdims=True) if task.kind == "multiclass" else raw
    label = random.integers(0, max(len(task.classes), 2), 40).astype(np.float32)
    np.testing.assert_allclose(loss_of(named, task)(prediction, label), expected(prediction, label), rtol=1e-4)


@pytest.mark.parametrize("named", [Named("hubber"), Named("Huber"), Named("huber", {"alpha": 1.0})])
def test_a_loss_that_keras_does_not_have_is_refused(named: Named) -> None:
    with pytest.raises(ArgumentError, match="field 'loss' of fitting: expected"):
        loss_of(named, VALUE)


def test_balanced_weights_give_each_class_the_same_say(rows: Any) -> None:
    table = rows((90, 60))
    weights = class_weights("balanced", BINARY, table)
    assert weights is not None
    for own, of_class in zip(table.training, weights, strict=True):
        counts = np.bincount(table.label[own].astype(int))
        np.testing.assert_allclose(of_class * counts, counts.sum() / 2, rtol=1e-5)


@pytest.mark.parametrize("mode", ["stacked", "sequential"])
def test_a_heavy_class_is_predicted_more_often_in_every_fold(train: Any, rows: Any, mode: str) -> None:
    table = rows((96, 64))
    plain = train(table, epochs=10, mode=mode)
    heavy = train(table, epochs=10, mode=mode, fitting={"class_weight": {"false": 1.0, "true": 20.0}})
    for even, tilted in zip(plain.fitted.predictions, heavy.fitted.predictions, strict=True):
        assert tilted.mean() > even.mean() + 0.1


def test_validation_counts_rows_by_their_weight_and_not_by_their_class(train: Any, rows: Any) -> None:
    table = rows((64,))
    weight = np.linspace(0.1, 1.9, len(table.label)).astype(np.float32)
    weighted = type(table)(**{**vars(table), "weight": weight})
    fitted = train(weighted, epochs=1, fitting={"class_weight": {"false": 1.0, "true": 20.0}}).fitted
    own = table.validation[0]
    losses = np.asarray(loss_of(Named(), BINARY)(fitted.predictions[0], table.label[own]))
    assert fitted.validation_loss[-1][0] == pytest.approx(np.average(losses, weights=weight[own]), rel=1e-4)


def test_a_row_of_weight_two_counts_like_two_rows(train: Any, rows: Any) -> None:
    table = rows((32,))
    heavy = np.ones(len(table.label), dtype=np.float32)
    heavy[table.training[0][:16]] = 3.0
    weighted = train(
        type(table)(**{**vars(table), "weight": heavy / heavy.mean()}), code=PLAIN, epochs=150, batch_size=32,
        learning_rate=0.05,
    )  # fmt: skip
    twice = np.concatenate([np.repeat(table.training[0][:16], 3), table.training[0][16:]]).astype(np.int32)
    doubled = train(type(table)(**{**vars(table), "training": (twice,)}), code=PLAIN, epochs=150, batch_size=64,
                    learning_rate=0.05)  # fmt: skip
    plain = train(table, code=PLAIN, epochs=150, batch_size=32, learning_rate=0.05)
    near = [np.abs(a - b).max() for a, b in zip(weighted.leaves(0), doubled.leaves(0), strict=True)]
    far = [np.abs(a - b).max() for a, b in zip(plain.leaves(0), doubled.leaves(0), strict=True)]
    assert max(near) < 0.02 < max(far)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([1.0, -1.0], "1 of 2 rows otherwise"),
        ([0.0, 0.0], "0 in every row"),
        (["a", "b"], "string"),
        ([None, 1.0], "1 of 2"),
    ],
)
def test_unusable_weights_are_refused(values: list[Any], said: str) -> None:
    with pytest.raises(DataError, match=f"weight column 'w': .*{said}"):
        weights_of(pa.chunked_array([values]), "w")


def test_bfloat16_steps_keep_weights_validation_and_predictions_in_float32(train: Any, rows: Any) -> None:
    table = rows((256,))
    exact = train(table, epochs=3)
    mixed = train(table, epochs=3, fitting={"precision": "mixed_bfloat16"})
    assert {leaf.dtype for leaf in mixed.fitted.variables.trainable} == {np.dtype(np.float32)}
    difference = np.abs(mixed.fitted.predictions[0] - exact.fitted.predictions[0]).max()
    assert 0.0 < difference < 0.05
    assert keras.config.dtype_policy().name == "float32"


def test_training_begins_with_given_weights(train: Any, rows: Any, tmp_path: Path) -> None:
    first = train(rows((64, 64)), code=PLAIN, epochs=5)
    inputs = {"numeric": keras.Input((2,), name="numeric"), "categorical": keras.Input((1,), name="categorical")}
    model = keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid", name="last")(inputs["numeric"]))
    for variable, value in zip(model.trainable_variables, first.fitted.variables.trainable, strict=True):
        variable.assign(value[0])
    path = tmp_path / "first.weights.h5"
    model.save_weights(path)
    tuned = train(rows((64, 64)), code=PLAIN, epochs=1, learning_rate=1e-9, weights_file=str(path))
    for index in range(2):
        for got, wanted in zip(tuned.leaves(index), first.leaves(0), strict=True):
            np.testing.assert_allclose(got, wanted, atol=1e-6)


@pytest.mark.parametrize("content", ["other", "none"])
def test_weights_of_another_model_are_refused(train: Any, rows: Any, tmp_path: Path, content: str) -> None:
    path = tmp_path / "other.weights.h5"
    if content == "other":
        keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)]).save_weights(path)
    else:
        path.write_bytes(b"no weights")
    with pytest.raises(ArgumentError, match="field 'initial_weights' of fitting: expected weights of the model"):
        train(rows((64, 64)), code=PLAIN, epochs=1, weights_file=str(path))


@pytest.mark.parametrize(("uri", "said"), [("weights.h5", "ends in .weights.h5"), ("none.weights.h5", "a file")])
def test_weights_that_are_no_file_are_refused(uri: str, said: str) -> None:
    with (
        pytest.raises(ArgumentError, match=f"field 'initial_weights' of fitting: expected .*{said}"),
        local_weights(uri, {}),
    ):
        raise AssertionError
