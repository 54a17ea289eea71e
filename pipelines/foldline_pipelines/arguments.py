"""Arguments of a pipeline, from a YAML file and from the command line, checked against its parameters."""

import ast
import difflib
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from foldline.errors import ArgumentError
from foldline.training.search.request import check_request
from foldline_pipelines import yaml_text

# Linux takes no more than 128 KiB in one argument of a program, and KFP passes all parameters of a task in one.
LARGEST_MODEL_CODE = 64 * 1024
DEFAULT_MODEL_FUNCTION = "build_model"
_WORDS = {
    "STRING": "text",
    "NUMBER_INTEGER": "a whole number",
    "NUMBER_DOUBLE": "a number",
    "BOOLEAN": "true or false",
    "STRUCT": "a mapping of names to values",
    "LIST": "a list",
}


class Parameter(NamedTuple):
    """A parameter of a compiled pipeline; `kind` is KFP's name of its type."""

    kind: str
    required: bool
    default: Any


def parameters(ir: Mapping[str, Any]) -> dict[str, Parameter]:
    """The parameters of a compiled pipeline."""
    declared = ir["root"].get("inputDefinitions", {}).get("parameters", {})
    return {
        name: Parameter(value["parameterType"], not (value.get("isOptional") or "defaultValue" in value), _exact(value))
        for name, value in declared.items()
    }


def read(file: Path | None, settings: list[str], declared: Mapping[str, Parameter]) -> dict[str, Any]:
    """Arguments from `--args` and `--set`, the latter first; types checked, files made absolute, model code read in.

    Args:
        file: YAML mapping of names to values; relative files in it are relative to its folder.
        settings: `name=value` each, the value in YAML; relative files are relative to the current folder.
        declared: what the pipeline takes.

    Raises:
        ArgumentError: a file is missing or no mapping, a name is unknown, a value has the wrong type, the file of a
            model holds no such function, or a search has a fault or no engine that can run it.
    """
    given: dict[str, Any] = {}
    if file is not None:
        given = checked(_mapping(file), str(file), file.absolute().parent, declared)
    own: dict[str, Any] = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals:
            raise ArgumentError("--set", expected="name=value", got=repr(setting))
        _check_known(name, declared, "--set")
        own[name] = _converted(name, _value(name, text, declared[name].kind), declared[name].kind)
    own = _resolved(own, Path.cwd(), declared)
    if "model" in own and "model_code" not in own:
        given.pop("model_code", None)
    chosen = {**given, **own}
    _check_search(chosen, declared)
    return chosen


def checked(content: Mapping[str, Any], where: str, base: Path, declared: Mapping[str, Parameter]) -> dict[str, Any]:
    """Arguments in a mapping: types checked, files made absolute, model code read in.

    Args:
        where: what holds them, for messages.
        base: folder that relative files are relative to.

    Raises:
        ArgumentError: as `read`.
    """
    for name in content:
        _check_known(name, declared, where)
    given = {name: _converted(name, value, declared[name].kind) for name, value in content.items()}
    return _resolved(given, base, declared)


def _check_search(chosen: Mapping[str, Any], declared: Mapping[str, Parameter]) -> None:
    names = ("search", "search_engine", "checkpoint_uri")
    if all(name in declared for name in names):
        check_request(*(chosen.get(name, declared[name].default) for name in names))


def complete(given: Mapping[str, Any], declared: Mapping[str, Parameter]) -> dict[str, Any]:
    """`given` with the defaults of all other parameters.

    Raises:
        ArgumentError: a parameter without a default is missing.
    """
    missing = [name for name, parameter in declared.items() if parameter.required and name not in given]
    if missing:
        raise ArgumentError(
            ", ".join(missing), expected="a value", got="none", fix=f"Give it with --set {missing[0]}=... or --args."
        )
    return {name: given.get(name, parameter.default) for name, parameter in declared.items()}


def _exact(declared: Mapping[str, Any]) -> Any:
    """The default, a whole number again where the compiled file holds 5.0 for 5."""
    default = declared.get("defaultValue")
    return int(default) if declared["parameterType"] == "NUMBER_INTEGER" and default is not None else default


def _mapping(file: Path) -> dict[str, Any]:
    try:
        content = yaml_text.parse(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ArgumentError("--args", expected="a YAML file", got=f"no file at {file}") from None
    except (yaml_text.YAMLError, UnicodeDecodeError, IsADirectoryError) as fault:
        raise ArgumentError(f"--args {file}", expected="a YAML mapping", got=" ".join(str(fault).split())) from fault
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ArgumentError(f"--args {file}", expected="a mapping of names to values", got=_described(content))
    return content


def _check_known(name: str, declared: Mapping[str, Parameter], where: str) -> None:
    if name not in declared:
        near = difflib.get_close_matches(str(name), declared, n=3) or sorted(declared)
        raise ArgumentError(
            str(name),
            expected="a parameter of the pipeline",
            got=f"an unknown name in {where}",
            fix=f"Known: {', '.join(near)}.",
        )


def _value(name: str, text: str, kind: str) -> Any:
    try:
        value = yaml_text.parse(text)
    except yaml_text.YAMLError as fault:
        if kind == "STRING":
            return text
        raise ArgumentError(name, expected=_WORDS[kind], got=f"{text!r}, which is not YAML") from fault
    return text if kind == "STRING" and not isinstance(value, str) else value


def _converted(name: str, value: Any, kind: str) -> Any:
    """The value in the parameter's type; only whole numbers become fractions."""
    types = {
        "STRING": str,
        "NUMBER_INTEGER": int,
        "NUMBER_DOUBLE": float,
        "BOOLEAN": bool,
        "STRUCT": dict,
        "LIST": list,
    }
    if kind == "NUMBER_DOUBLE" and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if type(value) is not types[kind]:
        fix = "Put quotes around it." if kind == "STRING" and isinstance(value, (int, float)) else ""
        raise ArgumentError(name, expected=_WORDS[kind], got=_described(value), fix=fix)
    if isinstance(value, float) and not math.isfinite(value):
        raise ArgumentError(name, expected="a finite number", got=str(value))
    return value


def _described(value: Any) -> str:
    if value is None:
        return "nothing"
    kinds = {
        bool: "BOOLEAN",
        int: "NUMBER_INTEGER",
        float: "NUMBER_DOUBLE",
        str: "STRING",
        dict: "STRUCT",
        list: "LIST",
    }
    return f"{value!r} ({_WORDS[kinds[type(value)]]})" if type(value) in kinds else repr(value)


def _resolved(given: dict[str, Any], base: Path, declared: Mapping[str, Parameter]) -> dict[str, Any]:
    """`given` with files and folders made absolute, and the code of a model that is named by its file."""
    resolved = {name: _absolute(value, base) if name.endswith("_uri") else value for name, value in given.items()}
    path, _, function = str(given.get("model", "")).partition(":")
    if path.endswith(".py") and "model_code" in declared:
        if given.get("model_code"):
            raise ArgumentError(
                "model_code", expected="nothing beside a model that is named by its file", got="source text"
            )
        function = function or DEFAULT_MODEL_FUNCTION
        resolved |= {"model": function, "model_code": _model_code(base / Path(path).expanduser(), function)}
    return resolved


def _absolute(address: str, base: Path) -> str:
    if "://" in address or not address:
        return address
    path = Path(address).expanduser()
    here = address.startswith(("./", "../", "~/")) or (base / path).exists()
    return str((base / path).resolve()) if here else address


def _model_code(file: Path, function: str) -> str:
    """Source text of `file`, which defines `function` at its top level."""
    try:
        code = file.read_text(encoding="utf-8")
        body = ast.parse(code).body
    except OSError as fault:
        raise ArgumentError("model", expected="a Python file", got=f"{fault.strerror}: {file}") from fault
    except (SyntaxError, ValueError) as fault:
        raise ArgumentError("model", expected="Python source", got=f"{fault} in {file}") from fault
    if len(code.encode()) > LARGEST_MODEL_CODE:
        size = f"{len(code.encode())} bytes"
        raise ArgumentError("model", expected=f"a file of at most {LARGEST_MODEL_CODE} bytes", got=f"{size} in {file}")
    defined = [node.name for node in body if isinstance(node, ast.FunctionDef)]
    if function not in defined:
        raise ArgumentError(
            "model",
            expected=f"a function {function} in {file}",
            got=f"functions {', '.join(defined)}" if defined else "no function",
            fix="Name the function after the file: path/model.py:function.",
        )
    return code
