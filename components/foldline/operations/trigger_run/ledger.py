"""What watchers of one model remember of the runs that they started. Pure.

One document a model, which is only ever changed in one step among all watchers: so what a watcher decides, it decides
on everything that others have claimed before.
"""

from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Self

from foldline.errors import StoreError

FORM = "foldline.trigger/1"
MOST_ENTRIES = 1000
CLAIMED, STARTED = "claimed", "started"


@dataclass(frozen=True)
class Entry:
    """A run that was started, or that somebody is starting.

    Attributes:
        key: of the leading reason.
        keys: of all reasons that the run answers, that one among them.
        name: of the run, by which it is found.
        reason: sentence of the leading reason.
        pipeline, version: what runs.
        at: time of the decision, ISO 8601, UTC.
        state: `claimed` until the run is known, then `started`.
        owner: who claimed it.
        claimed_at: seconds since 1970 by the owner's clock, at which it last did.
        run_id: empty while it is claimed.
        address: where people see the run; empty while it is claimed.
    """

    key: str
    keys: tuple[str, ...]
    name: str
    reason: str
    pipeline: str
    version: str
    at: str
    state: str = CLAIMED
    owner: str = ""
    claimed_at: float = 0.0
    run_id: str = ""
    address: str = ""

    @property
    def time(self) -> datetime:
        """Of the decision; aware."""
        return datetime.fromisoformat(self.at)

    @property
    def mark(self) -> tuple[str, float]:
        """Changes with every claim."""
        return self.owner, self.claimed_at


@dataclass(frozen=True)
class Ledger:
    """All entries, the oldest first; at most one of them is claimed."""

    entries: tuple[Entry, ...] = ()

    @property
    def pending(self) -> Entry | None:
        """The run that somebody is starting."""
        return next((entry for entry in self.entries if entry.state == CLAIMED), None)

    @property
    def started(self) -> tuple[Entry, ...]:
        """Runs that began."""
        return tuple(entry for entry in self.entries if entry.state == STARTED)

    def answering(self, key: str) -> Entry | None:
        """The started run that answers the reason of this key."""
        return next((entry for entry in self.started if key in entry.keys), None)

    def with_entry(self, entry: Entry) -> Self:
        """The ledger with this entry in the place of the one of its key, or last."""
        if any(one.key == entry.key for one in self.entries):
            return replace(self, entries=tuple(entry if one.key == entry.key else one for one in self.entries))
        return replace(self, entries=(*self.entries, entry)[-MOST_ENTRIES:])

    def without_claim(self) -> Self:
        """The ledger after the claim was given up."""
        return replace(self, entries=self.started)

    def to_json(self) -> dict[str, Any]:
        """What is stored."""
        return {"form": FORM, "entries": [asdict(entry) for entry in self.entries]}

    @classmethod
    def from_json(cls, content: dict[str, Any] | None, where: str) -> Self:
        """The ledger in `content` (None: an empty one); `where` names it in the message.

        Raises:
            StoreError: it is none.
        """
        if content is None:
            return cls()
        try:
            if content["form"] != FORM:
                raise ValueError(content["form"])
            entries = [Entry(**{**one, "keys": tuple(one["keys"])}) for one in content["entries"]]
            assert all(entry.time.tzinfo for entry in entries)
        except (KeyError, TypeError, ValueError, AssertionError):
            raise StoreError(
                f"ledger {where}",
                expected=f"a document of the form {FORM}",
                got=repr(content)[:80],
                fix="It was edited, or another version of Foldline wrote it; put back what it was, or remove it.",
            ) from None
        return cls(tuple(entries))
