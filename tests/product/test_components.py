"""The shape of every component: its signature file, its README, its compiled file."""

import ast
import re
from pathlib import Path

import pytest

from builders.markdown import table
from foldline_pipelines import registry

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / "components" / "foldline").rglob("component.py"))
COMPONENTS = pytest.mark.parametrize("path", FILES, ids=lambda path: path.parent.name)
KFP_PARAMETERS = {"str", "int", "float", "bool", "dict", "list"}
MOST_LINES = 50


def function(path: Path) -> ast.FunctionDef:
    found = [node for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)]
    assert len(found) == 1, f"{path}: one function a component"
    return found[0]


def signature(path: Path) -> dict[str, tuple[str, str]]:
    """Type and default, as written, of each argument."""
    arguments = function(path).args
    defaults: list[ast.expr | None] = [None] * (len(arguments.args) - len(arguments.defaults))
    return {
        argument.arg: (ast.unparse(argument.annotation), "" if default is None else ast.unparse(default))
        for argument, default in zip(arguments.args, [*defaults, *arguments.defaults], strict=True)
        if argument.annotation is not None
    }


def test_the_registry_finds_every_component() -> None:
    assert sorted(registry.components()) == sorted(path.parent.name for path in FILES)


@COMPONENTS
def test_a_component_is_a_signature_and_a_call(path: Path) -> None:
    text = path.read_text()
    body = function(path).body
    assert len(text.splitlines()) <= MOST_LINES
    assert "from __future__ import annotations" not in text
    assert ast.get_docstring(function(path))
    assert [type(statement) for statement in body[1:]] == [ast.ImportFrom, ast.Expr]
    assert isinstance(body[2].value, ast.Call)


@COMPONENTS
def test_an_argument_is_an_artifact_or_one_of_the_types_of_kfp(path: Path) -> None:
    for name, (kind, _) in signature(path).items():
        assert kind in KFP_PARAMETERS or re.fullmatch(
            r"(Input|Output)\[(\w+|List\[\w+\])\]|OutputPath\((list|dict|str)\)", kind
        ), f"{name}: {kind}"
        assert name not in ("n", "y")


@COMPONENTS
def test_the_docstring_names_every_argument(path: Path) -> None:
    docstring = ast.get_docstring(function(path)) or ""
    described = re.findall(r"^    (\w+): ", docstring.split("Args:", 1)[1], flags=re.MULTILINE)
    assert described == list(signature(path))


@COMPONENTS
def test_the_readme_names_every_argument_with_its_type_and_default(path: Path) -> None:
    readme = (path.parent / "README.md").read_text()
    inputs = {cells[0].strip("`"): cells for cells in table(readme, "input")}
    outputs = {cells[0].strip("`"): cells for cells in table(readme, "output")}
    wanted = signature(path)
    assert set(outputs) == {name for name, (kind, _) in wanted.items() if kind.startswith("Output")}
    assert set(inputs) == set(wanted) - set(outputs)
    for name, cells in {**inputs, **outputs}.items():
        kind, default = wanted[name]
        assert cells[1].strip("`") == re.sub(r"^(Input|Output)\[([\w\[\]]+)\]$", r"\2", kind), name
        if name in inputs:
            shown = cells[2].strip("`").replace('"', "'")
            assert shown == default.replace('"', "'"), name
    assert "```python" in readme


@COMPONENTS
def test_a_full_disk_has_its_message_in_every_component(path: Path) -> None:
    assert "room_for(" in (path.parent / "run.py").read_text()
