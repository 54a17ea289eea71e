"""Commands that the README shows, held against the programs that they call."""

import re
import shlex
from pathlib import Path

import pytest
import typer.main
from kfp.cli.pipeline import pipeline
from kfp.cli.recurring_run import recurring_run
from kfp.cli.run import run

from foldline_pipelines.cli import app

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "README.md").read_text()
GROUPS = {"pipeline": pipeline, "run": run, "recurring-run": recurring_run}
KFP = [shlex.split(code) for code in re.findall(r"`kfp ([^`]+)`", TEXT)]
FOLDLINE = [shlex.split(code) for code in re.findall(r"^ {4}(?:\S*/)?foldline (.+)$", TEXT, flags=re.MULTILINE)]


@pytest.fixture(autouse=True)
def at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


@pytest.mark.parametrize("words", KFP, ids=" ".join)
def test_a_command_of_kfp_has_the_options_that_kfp_knows(words: list[str]) -> None:
    group, command, *arguments = words
    assert GROUPS[group].commands[command].make_context(command, arguments).params


@pytest.mark.parametrize("words", FOLDLINE, ids=" ".join)
def test_a_command_of_foldline_has_the_options_that_it_knows(words: list[str]) -> None:
    command, *arguments = words
    assert vars(typer.main.get_command(app))["commands"][command].make_context(command, arguments).params


def test_the_readme_shows_commands_of_both_programs() -> None:
    assert {words[0] for words in KFP} == set(GROUPS)
    assert {words[0] for words in FOLDLINE} >= {"run"}
