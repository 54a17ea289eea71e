"""Rollouts remembered in a folder of this machine."""

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from foldline.artifacts.seal import read_json, write_json
from foldline.errors import ArtifactError, ServingError
from foldline.serving.deploy_canary.rollout.record import Record
from foldline.serving.deploy_canary.rollout.word import Word

POLL_S = 0.2


class FileKeeper:
    """`rollout.json` in `folder`; the task that acts holds the lock of the file beside it, which its death frees."""

    def __init__(self, folder: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._record, self._lock, self._word = folder / "rollout.json", folder / "rollout.lock", folder / "word.json"
        self._clock = clock

    @contextmanager
    def hold(self, wait_s: float) -> Iterator[None]:
        self._lock.parent.mkdir(parents=True, exist_ok=True)
        with self._lock.open("a+") as file:
            self._take(file, wait_s)
            file.truncate(0)
            file.write(f"process {os.getpid()} since {time.strftime('%Y-%m-%d %H:%M:%S UTC', time.gmtime())}")
            file.flush()
            yield

    def load(self) -> Record | None:
        if not self._record.exists():
            return None
        try:
            content = read_json(self._record)
        except ArtifactError as fault:
            content = fault.got
        return Record.from_json(content, str(self._record))

    def save(self, record: Record) -> None:
        write_json(self._record, record.to_json())

    def word(self) -> Word:
        try:
            said = json.loads(self._word.read_text())
        except FileNotFoundError:
            return Word("", 0.0)
        return Word(str(said["word"]), float(said["at"]))

    def say(self, word: Word) -> None:
        write_json(self._word, {"word": word.word, "at": word.at})

    def _take(self, file: IO[str], wait_s: float) -> None:
        deadline = self._clock() + wait_s
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if self._clock() >= deadline:
                    file.seek(0)
                    raise ServingError(
                        f"rollout {self._record}",
                        expected=f"no other one under way, within {wait_s:g} s",
                        got=f"one that is held by {file.read() or 'another process'}",
                        fix="Wait for its end, or end it with `foldline rollout abort`.",
                    ) from None
                time.sleep(POLL_S)
            else:
                return
