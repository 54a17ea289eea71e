"""What is replayed, as the command writes it down."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Self

from foldline.artifacts.seal import read_json
from foldline.durations import seconds_of


@dataclass(frozen=True)
class Plan:
    """A replay.

    Attributes:
        folder: of everything that is written; the store of its models too.
        command: the words that start `foldline`.
        watch: parameters of watch_drift, complete.
        training: arguments of train_and_serve, but for the store and the time to end at.
        start, end: the champion is trained on what is before, and watched in whole windows from there to the end.
    """

    folder: Path
    command: tuple[str, ...]
    watch: dict[str, Any]
    training: dict[str, Any]
    start: datetime
    end: datetime

    @classmethod
    def read(cls, file: Path) -> Self:
        """The plan in a JSON file, in whose folder the results go."""
        content = read_json(file)
        start, end = (datetime.fromisoformat(content[name]) for name in ("start", "end"))
        return cls(file.parent, tuple(content["command"]), content["watch"], content["training"], start, end)

    @property
    def every(self) -> timedelta:
        """Length of a window."""
        return timedelta(seconds=seconds_of(self.watch["every"], argument="every"))

    @property
    def model_name(self) -> str:
        return str(self.watch["model_name"])

    @property
    def store_uri(self) -> str:
        return str(self.folder / "models")
