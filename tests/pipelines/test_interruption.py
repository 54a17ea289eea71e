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


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_run_leaves_no_process_and_is_marked(
    number: signal.Signals, compiled: Callable[[str], Path], record: Callable[[Path], dict[str, Any]], tmp_path: Path
) -> None:
    out = tmp_path / "run"
    process = subprocess.Popen(
        [COMMAND, "run", str(compiled("stuck")), "--out", str(out), "--set", f"folder={tmp_path}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    wait_for(tmp_path / "identifiers", process)
    started = [int(word) for word in (tmp_path / "identifiers").read_text().split()]
    assert all(alive(identifier) for identifier in started)
    os.kill(process.pid, number)
    said, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert errors == ""
    assert not any(alive(identifier) for identifier in started)
    run = record(out)
    assert run["state"] == "interrupted"
    assert {name: task["state"] for name, task in run["by_name"].items()} == {
        "hang": "interrupted",
        "nothing": "not run",
    }
    assert "stuck: interrupted" in (out / "index.html").read_text()
    assert "--resume" in said
