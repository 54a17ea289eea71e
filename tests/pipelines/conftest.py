"""The `foldline` command as a person calls it, and runs that several tests look at."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from builders import kubeflow, pipelines
from foldline_pipelines import cli
from foldline_pipelines.cli import terminal
from foldline_pipelines.kubeflow import follow

COMMAND = str(Path(sys.executable).parent / "foldline")
Ended = subprocess.CompletedProcess[str]


@pytest.fixture(scope="session")
def foldline() -> Callable[..., Ended]:
    """Runs the command in its own process; `cwd` may be given."""

    def call(*arguments: str | Path, cwd: Path | None = None) -> Ended:
        command = [COMMAND, *map(str, arguments)]
        return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=120)

    return call


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Compiled file of a pipeline of `builders.pipelines`, by its name there; compiled once."""
    files: dict[str, Path] = {}

    def of(name: str) -> Path:
        if name not in files:
            files[name] = pipelines.compiled(tmp_path_factory.mktemp(name), getattr(pipelines, name))
        return files[name]

    return of


@pytest.fixture
def record() -> Callable[[Path], dict[str, Any]]:
    """The content of a run's `run.json`, its tasks by name under `by_name`."""

    def read(folder: Path) -> dict[str, Any]:
        content: dict[str, Any] = json.loads((folder / "run.json").read_text())
        content["by_name"] = {task["task"]: task for task in content["tasks"]}
        return content

    return read


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[kubeflow.Kubeflow]:
    """The wire of Kubeflow Pipelines, where `kfp` finds its endpoint."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(terminal.console, "width", 200)
    monkeypatch.setattr(follow, "_POLL_S", 0.01)
    with kubeflow.serving() as running:
        monkeypatch.setenv("KF_PIPELINES_ENDPOINT", running.url)
        yield running


@pytest.fixture
def command() -> Callable[..., tuple[int, str]]:
    """Runs the command in this process; exit status and output, with the error that `main` would tell."""

    def call(*arguments: str | Path) -> tuple[int, str]:
        ended = CliRunner().invoke(cli.app, list(map(str, arguments)))
        return ended.exit_code, ended.output + (f"{ended.exception}\n" if ended.exception else "")

    return call
