"""The folder of a search: its journal, by which it goes on after it was killed."""

import fcntl
import math
import os
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO

from optuna.storages.journal import JournalFileOpenLock
from urllib3.exceptions import HTTPError

from foldline.errors import ArgumentError
from foldline.object_store import is_object_address
from foldline.training.places import BucketPlace

JOURNAL, LOCK = "journal.jsonl", "lock"


class Lock(JournalFileOpenLock):
    """A lock of the operating system, which ends with the process that holds it, however that ends."""

    def __init__(self, path: Path) -> None:
        self._file: IO[bytes] = path.open("ab")

    def acquire(self) -> bool:
        fcntl.flock(self._file, fcntl.LOCK_EX)
        return True

    def release(self) -> None:
        fcntl.flock(self._file, fcntl.LOCK_UN)


class State:
    """The folder that a search is kept in while this process has it to itself.

    Args:
        uri: folder, or `s3://` or `minio://` address; of a bucket, a copy is worked on here and sent by `send`.
        name: of the search's own folder below.
        say: takes a line where the bucket cannot be reached for a while.

    Raises:
        ArgumentError: another process searches here, or the bucket refuses.
    """

    def __init__(self, uri: str, name: str, environment: Mapping[str, str], say: Callable[[str], None] = print) -> None:
        self._say = say
        self._scratch: tempfile.TemporaryDirectory[str] | None = None
        self._bucket: BucketPlace | None = None
        self._sent = -math.inf
        if is_object_address(uri):
            self._scratch = tempfile.TemporaryDirectory(prefix="search-")
            self.folder = Path(self._scratch.name)
            self._bucket = BucketPlace(uri, f"{name}/{JOURNAL}", environment)
        else:
            self.folder = Path(uri) / name
            self.folder.mkdir(parents=True, exist_ok=True)
        self._held = (self.folder / "owner").open("ab")
        try:
            fcntl.flock(self._held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ArgumentError(
                "checkpoint_uri", expected="a search that no other process is at work on", got=str(self.folder),
                fix="Wait for that process, or end it.",
            ) from None  # fmt: skip
        found = self._bucket.read() if self._bucket else None
        if found is not None:
            self.journal.write_bytes(found)
        self.continued = self.journal.exists() and self.journal.stat().st_size > 0
        with (self.folder / LOCK).open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            repair(self.journal)

    @property
    def journal(self) -> Path:
        return self.folder / JOURNAL

    def lock(self) -> Lock:
        """What a process holds while it appends to the journal."""
        return Lock(self.folder / LOCK)

    def send(self, every_s: float = 0.0) -> None:
        """Bring the bucket, if it is one, up to date; not if that was done less than so many seconds ago."""
        if self._bucket is None or time.monotonic() - self._sent < every_s:
            return
        try:
            self._bucket.write(self.journal.read_bytes())
            self._sent = time.monotonic()
        except HTTPError as fault:
            # A store that is away for a while must not end a search of hours.
            self._say(f"the search is not kept: {type(fault).__name__}; it goes on")

    def remove(self) -> None:
        """Forget the search, once its result is written."""
        if self._bucket is not None:
            self._bucket.remove()
        for path in (self.journal, self.folder / LOCK, self.folder / "owner"):
            path.unlink(missing_ok=True)
        if self._scratch is None:
            self.folder.rmdir()

    def close(self) -> None:
        """Let another process have it."""
        self._held.close()
        if self._scratch is not None:
            self._scratch.cleanup()


def repair(journal: Path) -> None:
    """Cut off a last line that was not written to its end: what is appended to it could not be read."""
    if not journal.exists():
        return
    with journal.open("r+b") as file:
        content = file.read()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            file.truncate(whole)
            file.flush()
            os.fsync(file.fileno())
