"""Runs on this machine: `foldline run` as a process of its own, in a folder beside the present run that has its name.

A run's folder says by `run.json` what became of it, and by the lock of `.lock` whether a process works on it; so a run
that was begun is found again, and two processes never work on one.
"""

import fcntl
import json
import shlex
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from foldline.ending import end
from foldline.errors import ArgumentError, RunError
from foldline.operations.trigger_run.backends.backend import Run

# A local run tells its tasks how it was called and where it keeps its record.
COMMAND, FOLDER = "FOLDLINE_COMMAND", "FOLDLINE_RUN_FOLDER"
RECORD, LOCK = "run.json", ".lock"
POLL_S = 0.2
_RUNNING, _LEFT, _SUCCEEDED = "running", ("running", "interrupted"), "succeeded"


@contextmanager
def local_backend(
    environment: Mapping[str, str], pipeline: str, version: str, timeout_s: float
) -> Iterator["LocalBackend"]:
    """A block in which runs are started on this machine; what runs at its end is told to end.

    Args:
        pipeline: its name, or a compiled file.
        version: of Foldline; empty for the one that is installed.
        timeout_s: seconds for which a run is awaited.

    Raises:
        ArgumentError: this is no task of a local run, or another version is installed.
    """
    for name in (COMMAND, FOLDER):
        if not environment.get(name):
            raise ArgumentError(
                f"environment variable {name}",
                expected="what a local run tells its tasks",
                got="nothing",
                fix="Run the pipeline with foldline run, or give backend kubeflow.",
            )
    if version not in ("", installed("foldline")):
        raise ArgumentError("version", expected=f"{installed('foldline')}, which is installed", got=repr(version))
    backend = LocalBackend(shlex.split(environment[COMMAND]), Path(environment[FOLDER]), pipeline, timeout_s)
    try:
        yield backend
    finally:
        backend.end()


class LocalBackend:
    """One pipeline on this machine.

    Args:
        command: that is `foldline`.
        present: folder of the run that this task belongs to.
    """

    def __init__(self, command: list[str], present: Path, pipeline: str, timeout_s: float) -> None:
        self._command, self._present, self._timeout_s = command, present, timeout_s
        compiled = pipeline.endswith((".yaml", ".yml"))
        # The command knows a pipeline by the name of its function.
        self._source = pipeline if compiled else pipeline.replace("-", "_")
        self._pipeline = _name_in(Path(pipeline)) if compiled else pipeline.replace("_", "-")
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def pipeline(self) -> str:
        return self._pipeline

    @property
    def version(self) -> str:
        return installed("foldline")

    def under_way(self) -> list[Run]:
        folders = [file.parent for file in self._present.parent.glob(f"*/{RECORD}")]
        own = [folder for folder in folders if _record(folder).get("pipeline") == self.pipeline]
        return [run for run in map(_run, own) if run.state == _RUNNING and not run.left]

    def named(self, name: str) -> list[Run]:
        folder = self._folder(name)
        return [_run(folder)] if (folder / RECORD).exists() else []

    def start(self, name: str, description: str, parameters: Mapping[str, Any]) -> None:
        """Start a run, which is there when this returns; its output is this task's."""
        print(description, flush=True)
        words = [f"{key}={json.dumps(value, allow_nan=False)}" for key, value in parameters.items()]
        self._begin(self._folder(name), [word for one in words for word in ("--set", one)])

    def terminate(self, run: Run) -> None:
        self.end()

    def follow(self, run: Run) -> Run:
        folder, deadline = Path(run.id), time.monotonic() + self._timeout_s
        while True:
            seen = _run(folder)
            if seen.left and self._child is None:
                self._begin(folder, ["--resume"])
                continue
            if seen.ended or (seen.left and self._child is not None and self._child.poll() is not None):
                if seen.state == _SUCCEEDED:
                    return seen
                raise RunError(
                    f"run {folder}", expected="its success", got=f"{seen.state}: {_record(folder).get('message', '')}"
                )
            if time.monotonic() >= deadline:
                raise RunError(
                    f"run {folder}",
                    expected=f"its end within {self._timeout_s:g} s (timeout_s)",
                    got=f"state {seen.state}",
                    fix=f"Continue it with foldline run {self._source} --out {folder} --resume.",
                )
            time.sleep(POLL_S)

    def end(self) -> None:
        """Tell the run of this task to end, and wait until it has."""
        child, self._child = self._child, None
        if child is not None:
            end(child)

    def _begin(self, folder: Path, words: list[str]) -> None:
        """Start the command and wait until its run is under way, or somebody else's in the same folder."""
        command = [*self._command, "run", self._source, "--out", str(folder), *words]
        self._child = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + self._timeout_s
        while not _is_held(folder) or not (folder / RECORD).exists():
            status = self._child.poll()
            if status is not None:
                if (folder / RECORD).exists():
                    return
                raise RunError(
                    f"run {folder}",
                    expected="to begin",
                    got=f"exit status {status} of foldline run",
                    fix="Its output stands in the log of this task.",
                )
            if time.monotonic() >= deadline:
                raise RunError(
                    f"run {folder}", expected=f"to begin within {self._timeout_s:g} s (timeout_s)", got="no record"
                )
            time.sleep(POLL_S)

    def _folder(self, name: str) -> Path:
        return self._present.parent / name


def _name_in(compiled: Path) -> str:
    """Name of the pipeline in a compiled file."""
    try:
        found = next(yaml.safe_load_all(compiled.read_text(encoding="utf-8")))
        return str(found["pipelineInfo"]["name"])
    except (OSError, ValueError, StopIteration, KeyError, TypeError, yaml.YAMLError) as fault:
        raise ArgumentError("pipeline", expected="a compiled pipeline", got=f"{compiled}: {fault}"[:200]) from fault


def _run(folder: Path) -> Run:
    held, record = _is_held(folder), _record(folder)
    state = str(record.get("state", "unknown"))
    left = not held and state in _LEFT
    return Run(str(folder), folder.name, state, not held and not left, str(folder / "index.html"), left)


def _record(folder: Path) -> dict[str, Any]:
    try:
        content = json.loads((folder / RECORD).read_text())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _is_held(folder: Path) -> bool:
    """Whether a process works on the run."""
    try:
        with (folder / LOCK).open("r") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False
