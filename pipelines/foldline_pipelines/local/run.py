"""A local run, from the compiled pipeline to its record."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

from rich.console import Console

from foldline.errors import RunError
from foldline_pipelines import shapes
from foldline_pipelines.local import environments, failure, folder, localize, process_tree, record
from foldline_pipelines.local.content import write_json
from foldline_pipelines.local.display import Display
from foldline_pipelines.local.task import now

_POLL_S = 0.1
_GRACE_S = 5.0
_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(Exception):  # noqa: N818
    """Somebody stopped the run."""


def run(
    ir: localize.Representation, parameters: dict[str, Any], out: Path, earlier: dict[str, Any], console: Console
) -> dict[str, Any]:
    """Run the compiled pipeline `ir` in the claimed folder `out`; returns the content of its `run.json`.

    Args:
        ir: a compiled pipeline; checked against shapes that kfp.local runs wrongly.
        parameters: every parameter of the pipeline and its value.
        out: absolute; new, empty, or with an earlier attempt.
        earlier: record of that attempt, from `folder.last_attempt`; empty for the first.
        console: shows progress.

    Raises:
        RunError: the pipeline cannot run here, or `out` cannot be written.
        ImageEnvironmentError: an environment cannot be made.
    """
    pipeline = ir["pipelineInfo"]["name"]
    if earlier and earlier["pipeline"] != pipeline:
        raise RunError(str(out), expected=f"a run of {pipeline}", got=f"a run of {earlier['pipeline']}")
    shapes.refuse(ir, parameters)
    names = localize.environments(ir)
    with folder.writable(environments.root()):
        environments.make(names, extra=[], say=lambda line: console.print(line, markup=False, highlight=False))
    roots = {name: environments.root() / name for name in names}
    planned = localize.static_tasks(ir)
    local = localize.localized(ir, out, Path(sys.executable), roots)
    started, began = now(), time.monotonic()

    def keep(state: str, message: str = "") -> dict[str, Any]:
        content = record.assemble(
            pipeline=pipeline,
            state=state,
            parameters=parameters,
            started=started,
            ended="" if state == "running" else now(),
            seconds=time.monotonic() - began,
            records=record.tasks(out, planned)
            if state == "running"
            else record.settled(record.tasks(out, planned), state),
            message=message,
        )
        record.write(out, content)
        return content

    with folder.claimed(out), folder.writable(out), _stoppable():
        try:
            folder.set_aside(out)
            keep("running")
            write_json(out / "plan.json", {"pipeline": local, "parameters": parameters})
            reason = _watch(out, planned, Display(console))
            return keep("failed", reason) if reason else keep("succeeded")
        except Interrupted:
            with _deaf():
                return keep("interrupted", "The run was stopped before it ended.")


def _watch(out: Path, planned: list[str], display: Display) -> str:
    """Run the engine and show its tasks; why it failed, or nothing. Ends all its processes when the run is stopped."""
    log = out / "logs" / "engine.log"
    log.parent.mkdir(exist_ok=True)
    with log.open("ab") as stream, display:
        start = stream.tell()
        engine = subprocess.Popen(
            [sys.executable, "-m", "foldline_pipelines.local.engine", str(out)],
            stdin=subprocess.PIPE,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
        )
        try:
            while True:
                with suppress(subprocess.TimeoutExpired):
                    engine.wait(_POLL_S)
                display.show(record.tasks(out, planned))
                if engine.returncode is not None:
                    return _reason(out, planned, start, engine.returncode) if engine.returncode else ""
        except Interrupted:
            with _deaf():
                _end(engine)
                display.show(record.settled(record.tasks(out, planned), "interrupted"))
            raise
        except BaseException:
            _end(engine)
            raise


def _end(engine: "subprocess.Popen[bytes]") -> None:
    """End the engine and everything below it: ask, wait, then force."""
    below = [engine.pid, *process_tree.descendants(engine.pid)]
    _signal(below, engine.pid, signal.SIGTERM)
    deadline = time.monotonic() + _GRACE_S
    while time.monotonic() < deadline:
        engine.poll()
        if not any(_alive(process) for process in below):
            return
        time.sleep(_POLL_S / 2)
    below += [process for known in below for process in process_tree.descendants(known) if process not in below]
    _signal(below, engine.pid, signal.SIGKILL)
    engine.wait()


def _signal(processes: list[int], group: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(group, number)
    # A task may have started processes in groups of their own.
    for process in processes:
        with suppress(ProcessLookupError):
            if os.getpgid(process) != group:
                os.kill(process, number)


def _alive(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text(errors="replace").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state not in "ZX"


def _reason(out: Path, planned: list[str], start: int, status: int) -> str:
    """The failed task, its message and its log; without one, the message of the engine."""
    for task in record.tasks(out, planned):
        if task["state"] == "failed":
            return f"Task {task['task']} failed: {task['message']}"
    return failure.message(out / "logs" / "engine.log", start, status)


@contextmanager
def _stoppable() -> Iterator[None]:
    """Within the block, Ctrl-C, an ended terminal or a polite kill raise `Interrupted`."""

    def stop(_: int, __: FrameType | None) -> None:
        raise Interrupted

    before = {number: signal.signal(number, stop) for number in _STOPPING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _deaf() -> Iterator[None]:
    """A block that further signals cannot stop: what must be done to end well."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in _STOPPING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
