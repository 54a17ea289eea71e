"""The folder of a run: begun once, continued with --resume, used by one process at a time."""

import errno
import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from foldline.errors import RunError

RECORD = "run.json"
_KEPT = ("succeeded", "cached")
_FULL = (errno.ENOSPC, errno.EDQUOT)
_CLOSED = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.ENOENT, errno.ENAMETOOLONG)


@contextmanager
def writable(folder: Path) -> Iterator[None]:
    """A block that writes below `folder`.

    Raises:
        RunError: there was no room, or no right to write.
    """
    try:
        yield
    except OSError as fault:
        if fault.errno in _FULL:
            expected, fix = "room on its disk", "Free some space, or name a folder on a larger disk with --out."
        elif fault.errno in _CLOSED:
            expected, fix = "a folder that can be written", "Name another folder with --out."
        else:
            raise
        raise RunError(str(folder), expected=expected, got=os.strerror(fault.errno or 0), fix=fix) from fault


def last_attempt(folder: Path, *, resume: bool) -> dict[str, Any]:
    """The record of the last attempt in `folder`; empty in a new folder.

    Raises:
        RunError: the folder holds something else, or a run and `resume` is false, or none and `resume` is true.
    """
    record = folder / RECORD
    if record.is_file():
        if not resume:
            raise RunError(
                str(folder),
                expected="a new or empty folder",
                got="a folder that holds a run",
                fix="Continue that run with --resume, or name another folder with --out.",
            )
        try:
            last: dict[str, Any] = json.loads(record.read_text())
        except json.JSONDecodeError as fault:
            raise RunError(str(record), expected="JSON", got=f"text that is torn ({fault})") from fault
        return last
    if folder.is_dir() and any(name != ".lock" for name in os.listdir(folder)):
        raise RunError(str(folder), expected="a run, or a new or empty folder", got="a folder that holds other files")
    if resume:
        raise RunError(str(folder), expected="a run to continue", got="no run", fix="Leave out --resume.")
    return {}


@contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Take `folder` for one run, making it where it is missing.

    Raises:
        RunError: it cannot be written, or another process uses it.
    """
    with writable(folder):
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / ".lock").open("w")
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RunError(
                str(folder), expected="a folder that no other run uses", got="one in which a run is under way"
            ) from None
        yield


def set_aside(folder: Path) -> None:
    """Move what the tasks of the last attempt recorded to `earlier`, where it vouches for cached artifacts."""
    tasks = folder / "tasks"
    for file in sorted(tasks.rglob("*.json")) if tasks.exists() else []:
        if json.loads(file.read_text())["state"] in _KEPT:
            kept = folder / "earlier" / file.relative_to(tasks)
            kept.parent.mkdir(parents=True, exist_ok=True)
            file.replace(kept)
    shutil.rmtree(tasks, ignore_errors=True)
