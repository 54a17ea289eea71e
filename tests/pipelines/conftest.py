"""The `foldline` command as a person calls it, and runs that several tests look at."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from builders import pipelines

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
