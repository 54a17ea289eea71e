"""docs/drift.md and the flights' own file against the parameters that they name."""

import re
import shlex
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import typer.main

from builders.markdown import table
from foldline.operations.trigger_run.policy import Policy
from foldline_pipelines import arguments, yaml_text
from foldline_pipelines.arguments import Parameter
from foldline_pipelines.cli import app
from foldline_pipelines.cli.options import representation

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "drift.md").read_text()
FLIGHTS = ROOT / "pipelines" / "foldline_pipelines" / "examples" / "flights" / "watch.yaml"
SHOWN = [yaml_text.parse(block) for block in re.findall(r"```yaml\n(.*?)```", TEXT, flags=re.DOTALL)]
COMMANDS = [shlex.split(code) for code in re.findall(r"^ {4}foldline (.+)$", TEXT, flags=re.MULTILINE)]


@pytest.fixture(scope="module")
def declared() -> dict[str, dict[str, Parameter]]:
    return {name: arguments.parameters(representation(name)) for name in ("watch_drift", "train_and_serve")}


@pytest.mark.parametrize("document", [*SHOWN, yaml_text.parse(FLIGHTS.read_text())], ids=lambda one: next(iter(one)))
def test_a_file_that_is_shown_has_arguments_of_both_pipelines(
    document: dict[str, Any], declared: dict[str, dict[str, Parameter]]
) -> None:
    given = arguments.checked(document, "the file", ROOT, declared["watch_drift"])
    training = arguments.checked(given.get("arguments", {}), "arguments", ROOT, declared["train_and_serve"])
    shared = [name for name in ("label", "derived", "where", "time_column", "columns") if name in given]
    for name in shared if training else []:
        assert training[name] == given[name], name


def test_the_policy_of_the_trigger_is_told_whole_with_its_defaults() -> None:
    told = {name.strip("`"): row[1].strip("`") for row in table(TEXT, "field") for name in row[0].split(", ")}
    defaults = Policy().to_json()
    assert set(told) == {one.name for one in fields(Policy)}
    for name, shown in told.items():
        value = yaml_text.parse(shown)
        assert value == defaults[name], name


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_command_that_is_shown_has_the_options_that_it_knows(words: list[str]) -> None:
    command, *options = words
    assert vars(typer.main.get_command(app))["commands"][command].make_context(command, options).params
