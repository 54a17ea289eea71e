"""Model code: from a reference or a source text to a function that builds a checked Keras model."""

import hashlib
import importlib
import importlib.util
import inspect
import re
import sys
import tempfile
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import keras

from foldline.artifacts import Layout, Task
from foldline.errors import ArgumentError, ModelCodeError
from foldline.training.fitting.settings import whole
from foldline.training.inputs import ModelInputs

DEFAULT = "foldline.training.default_model:build_model"
FUNCTION = "build_model"
CALLBACKS = "build_callbacks"
EXAMPLE = "Write it as build_model(inputs, **hyperparameters) -> keras.Model."

BuildModel = Callable[..., keras.Model]


def load_build_model(reference: str, code: str = "") -> BuildModel:
    """The function that builds the model.

    Args:
        reference: `module:function`; with `code` the function's name in it, `build_model` when empty; empty without
            `code` means the default model.
        code: source text of a module.

    Raises:
        ModelCodeError: there is no such module or function, or the code does not run; it names the line.
    """
    if code:
        name = reference or FUNCTION
        module, place = _module_of_text(code), "model_code"
    else:
        module_name, _, name = (reference or DEFAULT).partition(":")
        if not module_name or not name:
            raise ModelCodeError(
                "model", expected="module:function, or the name of a function in model_code", got=repr(reference)
            )
        module, place = _import(module_name), f"module {module_name}"
    function = getattr(module, name, None)
    if not inspect.isroutine(function):
        functions = [value for value in vars(module).values() if inspect.isfunction(value)]
        defined = [value.__name__ for value in functions if value.__module__ == module.__name__]
        raise ModelCodeError(
            f"function {name!r} of {place}",
            expected="a function",
            got=f"the functions {defined}" if function is None else f"{type(function).__name__}",
            fix=EXAMPLE,
        )
    return function


def load_callbacks(function: BuildModel) -> list[keras.callbacks.Callback]:
    """New callbacks from `build_callbacks()` of the module that defines `function`; none where it has no such function.

    Raises:
        ModelCodeError: the function fails, or what it returns is no list of Keras callbacks.
    """
    make = getattr(sys.modules[inspect.unwrap(function).__module__], CALLBACKS, None)
    if make is None:
        return []
    try:
        made = make()
    except Exception as fault:
        raise _failed(CALLBACKS, fault) from fault
    if not isinstance(made, list) or not all(isinstance(item, keras.callbacks.Callback) for item in made):
        raise ModelCodeError(
            f"return value of {CALLBACKS}", expected="a list of keras.callbacks.Callback", got=f"{made!r}"
        )
    return made


def code_digest(function: BuildModel) -> str:
    """Digest of the source text of the module that defines `function`."""
    return f"sha256:{hashlib.sha256(Path(inspect.getfile(inspect.unwrap(function))).read_bytes()).hexdigest()}"


def resolve_hyperparameters(function: BuildModel, given: Mapping[str, Any]) -> dict[str, Any]:
    """The hyperparameters as the types that `function` has in its defaults: a whole float becomes an integer where an
    integer or nothing is the default, also inside lists.

    Raises:
        ArgumentError: a hyperparameter is unknown to the function, missing, or of another type than its default.
    """
    name = _name(function)
    parameters = list(inspect.signature(function).parameters.values())[1:]
    accepted = {item.name: item for item in parameters if item.kind not in (item.VAR_KEYWORD, item.VAR_POSITIONAL)}
    unknown = sorted(set(given) - set(accepted))
    if unknown and not any(item.kind is item.VAR_KEYWORD for item in parameters):
        raise ArgumentError(
            f"hyperparameters {', '.join(map(repr, unknown))}",
            expected=f"those that {name} accepts: {', '.join(accepted) or 'none'}",
            got=f"{dict(given)}",
        )
    missing = [key for key, item in accepted.items() if item.default is item.empty and key not in given]
    if missing:
        raise ArgumentError(
            f"hyperparameters {', '.join(map(repr, missing))}",
            expected=f"a value, since {name} has no default for it",
            got="none",
        )
    return {
        key: _like(accepted[key].default if key in accepted else None, value, f"hyperparameter {key!r}")
        for key, value in given.items()
    }


def make_model(function: BuildModel, hyperparameters: Mapping[str, Any], layout: Layout, task: Task) -> keras.Model:
    """A new model from `function`, built and checked.

    Raises:
        ModelCodeError: the function fails, or what it returns is no Keras model of the given inputs with an output of
            shape (None, task.outputs).
    """
    name = _name(function)
    inputs = ModelInputs.make(layout, task)
    try:
        model = function(inputs, **hyperparameters)
    except ModelCodeError:
        raise
    except Exception as fault:  # A user's code may fail in any way; what it says is the message.
        raise _failed(name, fault) from fault
    if not isinstance(model, keras.Model):
        raise ModelCodeError(f"return value of {name}", expected="a keras.Model", got=type(model).__name__, fix=EXAMPLE)
    try:
        output = model(arguments(model, inputs.tensors))
    except ModelCodeError:
        raise
    except Exception as fault:
        raise _failed(f"the model of {name}", fault) from fault
    shape = getattr(output, "shape", None)
    if shape is None or tuple(shape) != (None, inputs.units):
        raise ModelCodeError(
            f"output of the model of {name}",
            expected=f"one tensor of shape (None, {inputs.units}) with activation {inputs.activation} ({task.kind})",
            got=f"{type(output).__name__}" if shape is None else f"shape {tuple(shape)}",
            fix="End with Dense(inputs.units, activation=inputs.activation).",
        )
    return model


def arguments(model: keras.Model, features: Mapping[str, Any]) -> Any:
    """`features` in the structure that `model` is called with: by the names of its inputs, or as they are where the
    model does not say."""
    if isinstance(model, keras.Sequential) and len(features) == 1:
        return next(iter(features.values()))
    tensors = getattr(model, "inputs", None)
    if tensors is None:
        return dict(features)
    names = [tensor.name for tensor in tensors]
    strangers = sorted(set(names) - set(features))
    if strangers:
        expected = f"those of inputs.tensors: {sorted(features)}"
        raise ModelCodeError("inputs of the model", expected=expected, got=f"{strangers}", fix=EXAMPLE)
    return keras.tree.map_structure(lambda tensor: features[tensor.name], model.input)


def _import(module_name: str) -> ModuleType:
    try:
        return importlib.import_module(module_name)
    except ModuleNotFoundError as fault:
        if fault.name is None or not f"{module_name}.".startswith(f"{fault.name}."):
            raise _failed(f"module {module_name}", fault) from fault
        raise ModelCodeError(
            f"module {module_name!r}",
            expected="a module of the trainer image",
            got="no such module",
            fix="Pass the file's text as model_code, or add the module to the image.",
        ) from None
    except Exception as fault:
        raise _failed(f"module {module_name}", fault) from fault


def _module_of_text(code: str) -> ModuleType:
    # A file, so that messages show its lines; it stays for as long as the process, for the same reason.
    folder = Path(tempfile.mkdtemp(prefix="model-code-"))
    digest = hashlib.sha256(code.encode()).hexdigest()[:12]
    path = folder / f"model_code_{digest}.py"
    path.write_text(code, encoding="utf-8")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    try:
        spec.loader.exec_module(module)
    except Exception as fault:
        raise _failed("model_code", fault) from fault
    return module


def _failed(what: str, fault: Exception) -> ModelCodeError:
    if isinstance(fault, SyntaxError):
        place = f"line {fault.lineno}"
    else:
        frames = traceback.extract_tb(fault.__traceback__)
        own = [frame for frame in frames if not re.search(r"site-packages|^<", frame.filename)]
        place = f"line {own[-1].lineno} of {Path(own[-1].filename).name}" if own else "no line of it"
    text = str(fault).strip().splitlines()
    said = f"{type(fault).__name__} in {place}: {text[0] if text else ''}"
    return ModelCodeError(what, expected="code that runs", got=said)


def _name(function: BuildModel) -> str:
    return getattr(function, "__qualname__", repr(function))


def _like(default: Any, value: Any, what: str) -> Any:
    if isinstance(default, bool):
        wanted, right, converted = "true or false", isinstance(value, bool), value
    elif isinstance(default, int):
        right = isinstance(value, int | float) and not isinstance(value, bool) and float(value).is_integer()
        wanted, converted = "a whole number", int(value) if right else value
    elif isinstance(default, float):
        right = isinstance(value, int | float) and not isinstance(value, bool)
        wanted, converted = "a number", float(value) if right else value
    elif isinstance(default, str):
        wanted, right, converted = "text", isinstance(value, str), value
    elif isinstance(default, list | tuple):
        right = isinstance(value, list | tuple)
        wanted, converted = "a list", value
        if right:
            converted = [_like(default[0] if default else None, item, what) for item in value]
    else:
        return [whole(item) for item in value] if isinstance(value, list | tuple) else whole(value)
    if not right:
        raise ArgumentError(what, expected=wanted, got=repr(value))
    return converted
