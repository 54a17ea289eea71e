"""Model code: what is accepted, and what each mistake is told."""

import keras
import numpy as np
import pytest

from foldline.artifacts import CategoricalFeature, Layout, Task
from foldline.errors import ArgumentError, ModelCodeError
from foldline.training.model_code import code_digest, load_build_model, make_model, resolve_hyperparameters

LAYOUT = Layout(("distance", "seats"), (CategoricalFeature("carrier", 5),))
BINARY = Task("binary", ("false", "true"))
SIZES = Task("multiclass", ("large", "medium", "small"))

GOOD = """
import keras

def build_model(inputs, units=4, rates=(1, 2), slope=0.5, name="plain", deep=False):
    hidden = keras.layers.Dense(units)(inputs.tensors["numeric"])
    return keras.Model(inputs.tensors, keras.layers.Dense(inputs.units, activation=inputs.activation)(hidden))

def other(inputs, needed):
    return build_model(inputs)

def free(inputs, needed, maybe=None, some=(), **more):
    return build_model(inputs)

LIMIT = 3
"""


@pytest.mark.parametrize("task", [BINARY, SIZES, Task("regression")], ids=lambda task: task.kind)
@pytest.mark.parametrize(
    ("reference", "code"),
    [("", ""), ("foldline.training.default_model:build_model", ""), ("", GOOD), ("build_model", GOOD)],
    ids=["default", "module", "text", "named-in-text"],
)
def test_a_model_has_an_output_of_the_tasks_width(reference: str, code: str, task: Task) -> None:
    model = make_model(load_build_model(reference, code), {}, LAYOUT, task)
    features = {"numeric": np.zeros((7, 2), np.float32), "categorical": np.zeros((7, 1), np.int32)}
    assert model(features).shape == (7, task.outputs)


@pytest.mark.parametrize(
    "layout",
    [Layout(("distance",), ()), Layout((), (CategoricalFeature("carrier", 5), CategoricalFeature("dest", 300)))],
    ids=["numbers-only", "categories-only"],
)
def test_the_default_model_takes_tables_of_one_kind_of_feature(layout: Layout) -> None:
    model = make_model(load_build_model(""), {"dropout": 0.5}, layout, BINARY)
    assert {tensor.name for tensor in model.inputs} == ({"numeric"} if layout.numeric else {"categorical"})


@pytest.mark.parametrize(
    ("reference", "code", "message"),
    [
        ("no_such_module:build_model", "", "module 'no_such_module': expected a module of the trainer image"),
        ("json:build_model", "", r"function 'build_model' of module json: expected a function"),
        ("build_model", "", "model: expected module:function"),
        ("missing", GOOD, r"function 'missing' of model_code: .*\['build_model', 'other', 'free'\]"),
        ("LIMIT", GOOD, "function 'LIMIT' of model_code: expected a function, got int"),
        ("", "import keras\n\ndef build_model(inputs)\n    pass\n", "model_code: .*SyntaxError in line 3"),
        ("", "import keras\nimport nowhere_at_all\n", "model_code: .*ModuleNotFoundError in line 2"),
        ("", "LIMIT = 1 / 0\n", "ZeroDivisionError in line 1 of model_code_.*division by zero"),
    ],
)
def test_code_that_cannot_be_loaded_is_told(reference: str, code: str, message: str) -> None:
    with pytest.raises(ModelCodeError, match=message):
        load_build_model(reference, code)


BODIES = {
    "return None": "return value of build_model: expected a keras.Model, got NoneType",
    "return inputs.tensors['numeric']": "return value of build_model: expected a keras.Model, got KerasTensor",
    "return 1 / 0": "ZeroDivisionError in line 3 of model_code_",
    "return inputs.tensors['text']": "KeyError in line 3 of model_code_",
    "return keras.Model(inputs.tensors, keras.layers.Dense(2)(inputs.tensors['numeric']))": (
        r"output of the model of build_model: expected one tensor of shape \(None, 3\) with activation softmax .*"
        r"got shape \(None, 2\)"
    ),
    "return keras.Model(inputs.tensors, [keras.layers.Dense(3)(inputs.tensors['numeric'])] * 2)": "expected one tensor",
    "own = keras.Input((2,), name='mine'); return keras.Model(own, keras.layers.Dense(3)(own))": (
        r"inputs of the model: expected those of inputs.tensors: \['categorical', 'numeric'\], got \['mine'\]"
    ),
}


@pytest.mark.parametrize(("body", "message"), BODIES.items(), ids=range(len(BODIES)))
def test_a_function_that_gives_no_usable_model_is_told(body: str, message: str) -> None:
    code = f"import keras\ndef build_model(inputs):\n    {body}\n"
    with pytest.raises(ModelCodeError, match=message):
        make_model(load_build_model("", code), {}, LAYOUT, SIZES)


@pytest.mark.parametrize(
    ("given", "resolved"),
    [
        ({"units": 8.0}, {"units": 8}),
        ({"rates": [3.0, 4.0]}, {"rates": [3, 4]}),
        ({"slope": 1}, {"slope": 1.0}),
        ({"name": "deep", "deep": True}, {"name": "deep", "deep": True}),
    ],
)
def test_hyperparameters_become_the_types_of_the_defaults(given: dict, resolved: dict) -> None:
    found = resolve_hyperparameters(load_build_model("", GOOD), given)
    assert repr(found) == repr(resolved)


def test_where_no_default_tells_the_type_a_whole_number_is_an_integer() -> None:
    given = {"needed": 64.0, "maybe": [8.0, 4.5], "some": [3.0], "rate": 0.0, "more": 2.0, "flag": True}
    expected = {"needed": 64, "maybe": [8, 4.5], "some": [3], "rate": 0.0, "more": 2, "flag": True}
    assert repr(resolve_hyperparameters(load_build_model("free", GOOD), given)) == repr(expected)


@pytest.mark.parametrize(
    ("function", "given", "message"),
    [
        (
            "",
            {"width": 3},
            "hyperparameters 'width': expected those that build_model accepts: units, rates, slope, name",
        ),
        ("", {"units": 2.5}, "hyperparameter 'units': expected a whole number, got 2.5"),
        ("", {"rates": [1, 2.5]}, "hyperparameter 'rates': expected a whole number, got 2.5"),
        ("", {"rates": 3}, "hyperparameter 'rates': expected a list, got 3"),
        ("", {"slope": "steep"}, "hyperparameter 'slope': expected a number, got 'steep'"),
        ("", {"deep": 1}, "hyperparameter 'deep': expected true or false, got 1"),
        ("", {"name": 3}, "hyperparameter 'name': expected text, got 3"),
        ("other", {}, "hyperparameters 'needed': expected a value, since other has no default"),
    ],
)
def test_a_wrong_hyperparameter_is_named(function: str, given: dict, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        resolve_hyperparameters(load_build_model(function, GOOD), given)


def test_the_digest_is_that_of_the_text() -> None:
    assert code_digest(load_build_model("", GOOD)) == code_digest(load_build_model("other", GOOD))
    assert code_digest(load_build_model("", GOOD)) != code_digest(load_build_model("", GOOD + "\n"))


def test_a_subclassed_model_is_built_by_its_inputs() -> None:
    code = """
import keras

class Plain(keras.Model):
    def __init__(self, units):
        super().__init__()
        self.last = keras.layers.Dense(units, activation="sigmoid")

    def call(self, inputs, training=None):
        return self.last(inputs["numeric"])

def build_model(inputs):
    return Plain(inputs.units)
"""
    model = make_model(load_build_model("", code), {}, LAYOUT, BINARY)
    assert isinstance(model, keras.Model)
    assert [tuple(variable.shape) for variable in model.trainable_variables] == [(2, 1), (1,)]
