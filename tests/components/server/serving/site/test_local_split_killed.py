"""A task that is killed at any step of any call: the next one makes the call again and finds all in order."""

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from builders import sites
from foldline.serving.deploy_canary.backends.local.split import LocalSplit
from foldline.serving.site import processes
from foldline.serving.site.site import Site

# Everything that a call changes goes through these; the process ends before the n-th change.
DRIVER = """
import os, signal, sys
from pathlib import Path
from builders import sites
from foldline.serving.site import processes, router, site, state

folder, version, call, last = Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
changes = 0

def counted(change):
    def made(*arguments, **options):
        global changes
        changes += 1
        if changes > last:
            os.kill(os.getpid(), signal.SIGKILL)
        return change(*arguments, **options)
    return made

site.write, router.replace_file = counted(site.write), counted(router.replace_file)
processes.start, processes.end = counted(processes.start), counted(processes.end)
split = sites.split(site.Site(folder), version=version)
name, *argument = call.split()
getattr(split, name)(*map(float, argument))
"""
Prepare = Callable[[LocalSplit], object]


def nothing(split: LocalSplit) -> None:
    pass


def started(split: LocalSplit) -> None:
    split.start().wait_ready(sites.READY_S)


def halved(split: LocalSplit) -> None:
    split.shift(50.0)


def promoted(split: LocalSplit) -> None:
    split.promote()


@pytest.mark.parametrize(
    ("prepare", "call", "finish", "percent", "processes_after"),
    [
        (nothing, "start", started, 0.0, 3),
        (started, "shift 10", lambda split: split.shift(10.0), 10.0, 3),
        (halved, "shift 10", lambda split: split.shift(10.0), 10.0, 3),
        (halved, "mirror 20", lambda split: split.mirror(20.0), 50.0, 3),
        (halved, "promote", promoted, 100.0, 3),
        (halved, "revert", LocalSplit.revert, 0.0, 2),
        (promoted, "revert", LocalSplit.revert, 0.0, 2),
        (promoted, "settle", LocalSplit.settle, 100.0, 2),
    ],
    ids=["start", "more", "less", "mirror", "promote", "revert", "revert-promoted", "settle"],
)
def test_a_call_that_was_killed_is_made_again(
    tmp_path: Path, prepare: Prepare, call: str, finish: Prepare, percent: float, processes_after: int
) -> None:
    changes, code = 0, -signal.SIGKILL
    with sites.site(tmp_path / "site") as site, sites.load(site, 200.0) as replay:
        while code == -signal.SIGKILL:
            version = f"c0ffee{changes + 10:06d}"
            split = sites.split(site, version=version)
            prepare(split)
            code = driven(site, version, call, changes)
            if call not in ("revert", "settle"):
                # A share that is not in force is never remembered: it would look like somebody's edit.
                assert split.percent() is not None, changes
            finish(split)
            assert split.percent() == percent, changes
            assert len(processes.marked(site.folder)) == processes_after, changes
            split.revert()
            assert len(processes.marked(site.folder)) == 2, changes
            changes += 1
        answers = replay.answers()
    assert code == 0
    assert changes > 1
    assert {status for status, _ in answers} == {200}, answers


def driven(site: Site, version: str, call: str, changes: int) -> int:
    """The exit code of a process that makes a call and is killed after so many changes."""
    command = [sys.executable, "-c", DRIVER, str(site.folder), version, call, str(changes)]
    tests = Path(__file__).parents[4]
    ended = subprocess.run(
        command, env={"PYTHONPATH": str(tests), "PATH": ""}, capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.returncode in (0, -signal.SIGKILL), ended.stderr
    return ended.returncode
