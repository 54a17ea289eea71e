"""Processes that outlive their starter, and are never mistaken for others."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from foldline.serving.site import processes
from foldline.serving.site.processes import Process

SLEEP = [sys.executable, "-c", "import time; print('here', flush=True); time.sleep(600)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('here', flush=True); time.sleep(600)",
]


def said(log: Path) -> None:
    deadline = time.monotonic() + 60
    while processes.last_line(log) != "here":
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_process_has_a_session_of_its_own_and_its_folder_and_is_found_by_it(tmp_path: Path) -> None:
    process = processes.start(SLEEP, folder=tmp_path, log=tmp_path / "log")
    try:
        said(tmp_path / "log")
        assert os.getsid(process.pid) == process.pid
        assert Path(f"/proc/{process.pid}/cwd").readlink() == tmp_path
        assert processes.runs(process)
        assert processes.marked(tmp_path) == [process]
        assert processes.marked(tmp_path / "other") == []
    finally:
        processes.end(process, 10.0)
    assert not processes.runs(process)
    assert processes.marked(tmp_path) == []
    assert processes.ending(process) == f"it ended with exit code -{signal.SIGTERM.value}"


def test_it_outlives_a_starter_that_is_killed(tmp_path: Path) -> None:
    code = (
        "import os, signal; from pathlib import Path; from foldline.serving.site import processes; "
        f"processes.start({SLEEP!r}, folder=Path({str(tmp_path)!r}), log=Path({str(tmp_path / 'log')!r})); "
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -signal.SIGKILL
    said(tmp_path / "log")
    (process,) = processes.marked(tmp_path)
    assert processes.runs(process)
    processes.end(process, 10.0)
    assert not processes.runs(process)


def test_a_later_process_of_the_same_pid_is_another(tmp_path: Path) -> None:
    process = processes.start(SLEEP, folder=tmp_path, log=tmp_path / "log")
    earlier = Process(process.pid, process.started - 1)
    assert not processes.runs(earlier)
    processes.end(earlier, 1.0)
    assert processes.runs(process)
    processes.end(process, 10.0)


def test_one_that_does_not_listen_is_killed(tmp_path: Path) -> None:
    process = processes.start(STUBBORN, folder=tmp_path, log=tmp_path / "log")
    said(tmp_path / "log")
    processes.end(process, 0.5)
    assert not processes.runs(process)


def test_a_signal_that_the_starter_ignores_ends_it(tmp_path: Path) -> None:
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        process = processes.start(SLEEP, folder=tmp_path, log=tmp_path / "log")
    finally:
        signal.signal(signal.SIGTERM, before)
    said(tmp_path / "log")
    os.kill(process.pid, signal.SIGTERM)
    deadline = time.monotonic() + 60
    while processes.runs(process):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_program_that_is_not_there_says_so_in_its_log(tmp_path: Path) -> None:
    process = processes.start(["/no/such/program"], folder=tmp_path, log=tmp_path / "log")
    deadline = time.monotonic() + 60
    while processes.runs(process):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert "/no/such/program" in processes.last_line(tmp_path / "log")


@pytest.mark.parametrize(("text", "expected"), [("", "nothing"), ("a\n\nb\n\n", "b")])
def test_the_last_line_of_a_log(tmp_path: Path, text: str, expected: str) -> None:
    (tmp_path / "log").write_text(text)
    assert processes.last_line(tmp_path / "log") == expected
    assert processes.last_line(tmp_path / "none") == "nothing"
