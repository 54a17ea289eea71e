"""An alias: the version that it names, and every move that brought it there."""

import json
from dataclasses import asdict, dataclass
from typing import Any, Self

from foldline.errors import StoreError

FORM = "foldline.alias/1"
SET = "set"
ROLLBACK = "rollback"


@dataclass(frozen=True)
class Move:
    """One move of an alias.

    Attributes:
        version, digest: the model that it named from then on.
        moved_at: ISO 8601, UTC.
        action: `set` or `rollback`.
    """

    version: str
    digest: str
    moved_at: str
    action: str


@dataclass(frozen=True)
class AliasRecord:
    """All moves of an alias, the oldest first; never empty."""

    moves: tuple[Move, ...]

    @property
    def version(self) -> str:
        """The version that the alias names."""
        return self.moves[-1].version

    @property
    def previous(self) -> Move | None:
        """Where a rollback goes: what was set before the current version, versions that were rolled back left out."""
        standing: list[Move] = []
        for move in self.moves:
            if move.action == ROLLBACK:
                standing.pop()
            else:
                standing.append(move)
        return standing[-2] if len(standing) > 1 else None

    def moved(self, version: str, digest: str, moved_at: str) -> Self:
        """The record after the alias was set to `version`."""
        return type(self)((*self.moves, Move(version, digest, moved_at, SET)))

    def rolled_back(self, moved_at: str) -> Self | None:
        """The record after a rollback, or None where there is nothing to go back to."""
        before = self.previous
        if before is None:
            return None
        return type(self)((*self.moves, Move(before.version, before.digest, moved_at, ROLLBACK)))

    def to_json(self) -> dict[str, Any]:
        """What is stored; the history is the truth, the rest is there to be read by people."""
        last, before = self.moves[-1], self.previous
        return {
            "form": FORM,
            "version": last.version,
            "digest": last.digest,
            "moved_at": last.moved_at,
            "previous": before.version if before else None,
            "history": [asdict(move) for move in self.moves],
        }

    @classmethod
    def parse(cls, text: bytes, where: str) -> Self:
        """The record in `text`.

        Raises:
            StoreError: it is none; `where` names the file in the message.
        """
        try:
            content = json.loads(text)
            record = cls(tuple(Move(**move) for move in content["history"]))
            whole = content == record.to_json()
        except (ValueError, KeyError, TypeError, IndexError):
            whole = False
        if not whole:
            raise StoreError(
                f"alias {where}",
                expected=f"a record of the form {FORM}",
                got=repr(text[:60]),
                fix="The file was edited or torn; put back what it was.",
            )
        return record
