"""Pipelines and components by name, found without importing them."""

import ast
import importlib
import importlib.util
from pathlib import Path
from typing import Any, NamedTuple

import foldline
from foldline.errors import ArgumentError

_PIPELINES = ("train_and_serve", "cross_validate", "cross_validate_in_parallel", "spot_check", "watch_drift")


class Entry(NamedTuple):
    """Where a pipeline or component is (`module:function`), and the first line of its docstring."""

    address: str
    description: str


def pipelines() -> dict[str, Entry]:
    """Foldline's pipelines by name."""
    return {
        name: _entry(Path(__file__).parent / f"{name}.py", f"foldline_pipelines.{name}", name) for name in _PIPELINES
    }


def components() -> dict[str, Entry]:
    """Foldline's components by name, which is that of their folder."""
    root = Path(foldline.__path__[0])
    found = {}
    for file in sorted(root.rglob("component.py")):
        module = ".".join(("foldline", *file.relative_to(root).with_suffix("").parts))
        found[file.parent.name] = _entry(file, module, file.parent.name)
    return found


def load(entry: Entry) -> Any:
    """The pipeline or component function itself."""
    module, function = entry.address.split(":")
    return getattr(importlib.import_module(module), function)


def pipeline(name: str) -> Entry:
    """The pipeline of this name.

    Raises:
        ArgumentError: there is none.
    """
    known = pipelines()
    if name not in known:
        raise ArgumentError("pipeline", expected=f"{', '.join(known)} or a compiled YAML file", got=repr(name))
    return known[name]


def _entry(file: Path, module: str, function: str) -> Entry:
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef) and node.name == function:
            return Entry(f"{module}:{function}", (ast.get_docstring(node) or "").partition("\n")[0])
    raise LookupError(f"{file} defines no {function}")
