"""A run that is stopped from outside ends all that it began, and says so."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

COMMAND = str(Path(sys.executable).parent / "foldline")


def alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def wait_for(file: Path, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 60
    while not file.exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)


def start(file: Path, folder: Path) -> tuple[subprocess.Popen[str], list[int]]:
    """A run whose task hangs, and the processes of that task; one in another session, one deaf to a polite end."""
    process = subprocess.Popen(
        [COMMAND, "run", str(file), "--out", str(folder / "run"), "--set", f"folder={folder}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    wait_for(folder / "identifiers", process)
    started = [int(word) for word in (folder / "identifiers").read_text().split()]
    assert all(alive(identifier) for identifier in started)
    return process, started


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_run_leaves_no_process_and_is_marked(
    number: signal.Signals, compiled: Callable[[str], Path], record: Callable[[Path], dict[str, Any]], tmp_path: Path
) -> None:
    process, started = start(compiled("stuck"), tmp_path)
    os.kill(process.pid, number)
    said, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert errors == ""
    assert not any(alive(identifier) for identifier in started)
    run = record(tmp_path / "run")
    assert run["state"] == "interrupted"
    assert {name: task["state"] for name, task in run["by_name"].items()} == {
        "hang": "interrupted",
        "nothing": "not run",
    }
    assert "stuck: interrupted" in (tmp_path / "run" / "index.html").read_text()
    assert "--resume" in said


def test_a_run_whose_command_is_killed_leaves_no_process(compiled: Callable[[str], Path], tmp_path: Path) -> None:
    process, started = start(compiled("stuck"), tmp_path)
    process.kill()
    process.communicate(timeout=30)
    deadline = time.monotonic() + 10
    while any(alive(identifier) for identifier in started) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(alive(identifier) for identifier in started)
