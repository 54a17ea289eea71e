"""The command itself: what it lists, refuses and hands over."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from foldline.serving.site.state import STATE, default_folder
from foldline_pipelines import cli, registry
from foldline_pipelines.local import environments

Call = Callable[..., subprocess.CompletedProcess[str]]
WATCH = [
    "watch", "--from=2013-10-01", "--to=2014-01-01", "--set", "dataset_uri=t.csv", "--set", "label=late", "--set",
    "time_column=time",
]  # fmt: skip


def test_the_list_names_every_pipeline_and_component(foldline: Call) -> None:
    ended = foldline("list")
    assert ended.returncode == 0
    for name in (*registry.pipelines(), *registry.components()):
        assert any(line.startswith(f"{name} ") for line in ended.stdout.splitlines())


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (
            ["run", "no_such"],
            2,
            f"pipeline: expected {', '.join(registry.pipelines())} or a compiled YAML file, got 'no_such'.",
        ),
        (["run", "cross_validate"], 2, "dataset_uri, label: expected a value, got none."),
        (["run", "cross_validate", "--set", "folds=3"], 2, "folds: expected a parameter of the pipeline"),
        (["run", "none.yaml"], 2, "pipeline: expected a compiled YAML file, got No such file or directory: none.yaml."),
        (["run", "cross_validate", "--resume"], 2, "--resume: expected the folder of the run in --out, got none."),
        (
            ["compile", "cross_validate", "-o", "file.json"],
            2,
            "--output: expected a file that ends in .yaml, got file.json.",
        ),
        (
            [*WATCH, "--set", "time_column="],
            2,
            "time_column: expected the column that says when a row happened, got not",
        ),
        ([*WATCH, "--set", "arguments={epochs: many}"], 2, "epochs: expected a whole number, got 'many' (text)."),
        (
            [*WATCH, "--set", "arguments={epoch: 1}"],
            2,
            "epoch: expected a parameter of the pipeline, got an unknown name",
        ),
        (
            [*WATCH, "--set", "arguments={time_end: '2013-11-01'}"],
            2,
            "arguments.time_end: expected nothing, got '2013-1",
        ),
        ([*WATCH[:5], "--set", "time_column=a"], 2, "label: expected a value, got none."),
        (
            [*WATCH, "--to", "2013-10-02"],
            2,
            "--to: expected at least 7d after 2013-10-01T00:00:00, got 2013-10-02T00:00",
        ),
        (["environments", "laucher"], 2, "environment: expected one of flights, launcher"),
    ],
)
def test_an_error_is_one_line_and_a_status(
    arguments: list[str], status: int, message: str, foldline: Call, tmp_path: Path
) -> None:
    ended = foldline(*arguments, cwd=tmp_path)
    assert ended.returncode == status
    assert len(ended.stderr.splitlines()) == 1
    assert ended.stderr.startswith(message)
    assert list(tmp_path.iterdir()) == []


def test_environments_that_are_current_are_left_alone(foldline: Call) -> None:
    stamp = environments.root() / "launcher" / "foldline.stamp.json"
    before = stamp.stat().st_mtime_ns
    ended = foldline("environments", "launcher")
    assert ended.returncode == 0, ended.stderr
    assert "installing" not in ended.stdout
    assert stamp.stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (
            ["serve", "--store", "models", "--model", "flights", "--port", "9000"],
            "server foldline.serving.site serve --store models --model flights --host 127.0.0.1 --port 9000",
        ),
        (
            ["rollback", "--store", "s3://bucket/models", "--model", "flights"],
            "launcher foldline.store rollback --store s3://bucket/models --model flights",
        ),
        (
            ["rollback", "--store", "s3://bucket/served", "--model", "flights"],
            "server foldline.serving.site rollback --store s3://bucket/served --model flights",
        ),
        (
            ["rollout", "show", "--store", "models", "--model", "flights"],
            "server foldline.serving.deploy_canary show --model flights --store models",
        ),
        (
            ["rollout", "approve", "--namespace", "team", "--model", "flights"],
            "server foldline.serving.deploy_canary approve --model flights --namespace team",
        ),
    ],
)
def test_a_command_of_another_environment_takes_the_place_of_this_process(
    command: list[str], expected: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FOLDLINE_HOME", str(tmp_path))
    site = default_folder("s3://bucket/served", "flights")
    site.mkdir(parents=True)
    (site / STATE).touch()
    become: list[tuple[str, list[str]]] = []
    monkeypatch.setattr(os, "execv", lambda path, arguments: become.append((path, arguments)))
    assert CliRunner().invoke(cli.app, command).exit_code == 0
    environment, module, *options = expected.split()
    python = str(environments.interpreter(environment))
    assert become == [(python, [python, "-m", module, *options])]


def test_a_run_without_a_folder_makes_one_named_for_pipeline_and_time(
    foldline: Call, compiled: Callable[[str], Path], tmp_path: Path
) -> None:
    ended = foldline("run", compiled("loop"), cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    (made,) = (tmp_path / "runs").iterdir()
    assert made.name.startswith("loop-20")
    assert (made / "index.html").is_file()


@pytest.mark.parametrize(
    ("given", "kept"), [([], "run/checkpoints"), (["--set", "checkpoint_uri=elsewhere"], "elsewhere")]
)
def test_a_local_run_keeps_its_search_in_its_folder(
    given: list[str], kept: str, foldline: Call, compiled: Callable[[str], Path], tmp_path: Path
) -> None:
    search = "search={space: {learning_rate: {type: float, low: 0.01, high: 0.1}}}"
    words = ["--set", search, "--set", "search_engine=optuna", *given]
    ended = foldline("run", compiled("searching"), "--out", "run", *words, cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    parameters = json.loads((tmp_path / "run" / "run.json").read_text())["parameters"]
    assert parameters["checkpoint_uri"] == (kept if given else str(tmp_path / kept))


def test_a_local_run_keeps_its_models_beside_the_current_folder(
    foldline: Call, compiled: Callable[[str], Path], tmp_path: Path
) -> None:
    out = tmp_path / "run"
    ended = foldline("run", compiled("typed"), "--set", "dataset_uri=a", "--out", out, cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert f'"store_uri": "{tmp_path / "models"}"' in (out / "run.json").read_text()
