"""Runs that a task of a local run starts on this machine: one for each name, whatever becomes of the task."""

import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from foldline.errors import ArgumentError, RunError
from foldline.operations.trigger_run.backends.local import COMMAND, FOLDER, LocalBackend, local_backend

Compiled = Callable[[str], Path]
Record = Callable[[Path], dict[str, Any]]
NAME = "burn-drift-0123456789ab"
RUN_S = 1.5
TASK = f"""
import os, sys
from foldline.ending import ended_in_order
from foldline.operations.trigger_run.backends.local import local_backend
with ended_in_order(), local_backend(os.environ, sys.argv[1], "", 60.0) as backend:
    if not backend.named("{NAME}"):
        backend.start("{NAME}", "for a test", {{"seconds": {RUN_S}, "megabytes": 1}})
    print(backend.follow(backend.named("{NAME}")[0]).state)
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """What a task of the run in `tmp_path/watch` finds."""
    command = shlex.join([sys.executable, "-m", "foldline_pipelines.cli"])
    return dict(os.environ) | {COMMAND: command, FOLDER: str(tmp_path / "watch")}


@pytest.fixture
def backend(environment: dict[str, str], compiled: Compiled) -> Iterator[LocalBackend]:
    with local_backend(environment, str(compiled("count")), "", 60.0) as made:
        yield made


def task(environment: dict[str, str], pipeline: Path) -> subprocess.Popen[str]:
    """A task that starts or takes up the run."""
    words = [sys.executable, "-c", TASK, str(pipeline)]
    return subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, text=True)


def wait_for(file: Path, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 60
    while not file.exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_task_knows_how_to_start_another_run_beside_its_own(
    compiled: Compiled, foldline: Callable[..., subprocess.CompletedProcess[str]], record: Record, tmp_path: Path
) -> None:
    words = ["--set", f"pipeline={compiled('chain')}", "--set", "name=other"]
    ended = foldline("run", compiled("nested"), "--out", tmp_path / "watch", *words)
    assert ended.returncode == 0, ended.stdout
    assert record(tmp_path / "other")["state"] == "succeeded"


def test_a_run_has_its_arguments_and_is_found_by_its_name(
    backend: LocalBackend, record: Record, tmp_path: Path
) -> None:
    assert backend.pipeline == "count"
    assert backend.named("count-drift-1") == []
    backend.start("count-drift-1", "for a test", {"rows": 4, "text": "a: b 'c' \"d\""})
    (run,) = backend.named("count-drift-1")
    assert backend.follow(run).state == "succeeded"
    assert record(tmp_path / "count-drift-1")["parameters"] == {"rows": 4, "text": "a: b 'c' \"d\"", "most": 10}
    (again,) = backend.named("count-drift-1")
    assert (again.state, again.ended, again.left) == ("succeeded", True, False)
    assert backend.under_way() == []


def test_a_run_that_fails_fails_the_one_who_follows_it(backend: LocalBackend) -> None:
    backend.start("count-drift-2", "for a test", {"rows": 11})
    with pytest.raises(
        RunError, match=r"count-drift-2: expected its success, got failed: Task count-rows failed: table"
    ):
        backend.follow(backend.named("count-drift-2")[0])
    with pytest.raises(RunError, match="expected its success, got failed"):
        backend.follow(backend.named("count-drift-2")[0])


def test_a_run_that_cannot_begin_is_told(backend: LocalBackend, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="expected to begin, got exit status 2 of foldline run"):
        backend.start("count-drift-3", "for a test", {"unknown": 1})
    assert backend.named("count-drift-3") == []


def test_a_run_goes_on_when_its_task_is_killed_and_the_next_one_follows_it(
    environment: dict[str, str], compiled: Compiled, record: Record, tmp_path: Path
) -> None:
    first = task(environment, compiled("burn"))
    wait_for(tmp_path / NAME / "run.json", first)
    first.kill()
    first.wait()
    with local_backend(environment, str(compiled("burn")), "", 60.0) as backend:
        assert [run.name for run in backend.under_way()] == [NAME]
        assert backend.follow(backend.named(NAME)[0]).state == "succeeded"
    assert record(tmp_path / NAME)["by_name"]["use"]["state"] == "succeeded"


def test_a_task_that_is_asked_to_end_ends_its_run_and_the_next_one_continues_it(
    environment: dict[str, str], compiled: Compiled, record: Record, tmp_path: Path
) -> None:
    first = task(environment, compiled("burn"))
    wait_for(tmp_path / NAME / "tasks" / "use.json", first)
    first.send_signal(signal.SIGTERM)
    assert first.wait(timeout=60) == 128 + signal.SIGTERM
    assert record(tmp_path / NAME)["state"] == "interrupted"
    second = task(environment, compiled("burn"))
    assert second.communicate(timeout=60)[0].endswith("succeeded\n")
    assert sorted(folder.name for folder in tmp_path.iterdir()) == [NAME]


def test_a_wait_is_bounded_and_a_run_ends_with_the_block_that_started_it(
    environment: dict[str, str], compiled: Compiled, record: Record, tmp_path: Path
) -> None:
    file = str(compiled("burn"))
    with local_backend(environment, file, "", 60.0) as patient, local_backend(environment, file, "", 0.1) as hasty:
        patient.start(NAME, "for a test", {"seconds": 60.0, "megabytes": 1})
        (run,) = hasty.named(NAME)
        with pytest.raises(RunError, match=r"expected its end within 0.1 s \(timeout_s\), got state running"):
            hasty.follow(run)
    assert record(tmp_path / NAME)["state"] == "interrupted"


@pytest.mark.parametrize(
    ("missing", "pipeline", "version", "message"),
    [
        (COMMAND, "train-and-serve", "", f"environment variable {COMMAND}: expected what a local run tells its tasks"),
        (FOLDER, "train-and-serve", "", f"environment variable {FOLDER}"),
        ("", "train-and-serve", "9.9", r"version: expected \d+\.\d+\.\d+, which is installed, got '9.9'"),
        ("", "none.yaml", "", "pipeline: expected a compiled pipeline, got none.yaml"),
    ],
)
def test_what_cannot_start_here_is_told(
    missing: str, pipeline: str, version: str, message: str, environment: dict[str, str]
) -> None:
    found = {name: value for name, value in environment.items() if name != missing}
    with pytest.raises(ArgumentError, match=message), local_backend(found, pipeline, version, 60.0):
        pass
