"""What a search and its trials tell each other through the bucket: the task, each trial's record, how the others do."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Self

from foldline.errors import ArtifactError
from foldline.training.places import Place, place_of
from foldline.training.search.settings import Settings
from foldline.training.search.trial import ABANDONED, COMPLETED, FAILED, STOPPED, TrialRecord
from foldline.training.tune_on_katib.engine import Seen

FORM = "foldline.search-on-katib/1"
SEARCH, OTHERS, ENDED = "search.json", "others.json", "ended.json"
# Whether a trial could see how the others do.
SEEN, UNSEEN, NOT_ASKED = "seen", "unseen", "not asked"


@dataclass(frozen=True)
class Task:
    """What every trial of a search has in common.

    Attributes:
        definition: of the search, as JSON.
        base: the settings of what is not searched.
        inputs: address of dataset, folds and transform.
    """

    definition: dict[str, Any]
    base: Settings
    model: str
    model_code: str
    seed: int
    inputs: str

    def to_json(self) -> dict[str, Any]:
        return {"form": FORM, **vars(self), "base": self.base.to_json()}

    @classmethod
    def read(cls, folder: str) -> Self:
        """The task of the search at `folder`.

        Raises:
            ArtifactError: there is none, or one of another form.
        """
        content = _document(place_of(folder, SEARCH, os.environ))
        if content is None or content.pop("form", "") != FORM:
            raise ArtifactError(f"search at {folder}", expected=f"{SEARCH} of form {FORM}", got="none")
        return cls(**{**content, "base": Settings.from_json(content["base"])})


@dataclass
class Records:
    """The trials of a search as they wrote them; what is final is read once.

    Args:
        folder: address of the search in the bucket.
    """

    folder: str
    _final: dict[str, TrialRecord] = field(default_factory=dict)
    _saw: dict[str, str] = field(default_factory=dict)
    _places: dict[str, Place] = field(default_factory=dict)
    _told: bytes = b""

    def begin(self, task: Task) -> None:
        """Write what all trials have in common."""
        self._place(SEARCH).write(json.dumps(task.to_json()).encode())

    def gather(self, trials: Sequence[Seen]) -> list[TrialRecord]:
        """A record of each trial, in their order; one that has not ended is `abandoned` so far."""
        return [replace(self._record(seen), number=number) for number, seen in enumerate(trials)]

    def tell(self, records: Sequence[TrialRecord]) -> None:
        """Let the trials know how all of them do."""
        content = {one.where: _in_order(one.fold_values) for one in records if one.fold_values}
        body = json.dumps(content, sort_keys=True).encode()
        if body != self._told:
            self._place(OTHERS).write(body)
            self._told = body

    def others(self, own: str) -> list[list[float]]:
        """Values by fold of every other trial that the task has told of."""
        content = _document(self._place(OTHERS)) or {}
        return [values for name, values in content.items() if name != own]

    def write(self, record: TrialRecord, saw: str) -> None:
        """Keep what a trial has found so far."""
        content = {"record": record.to_json(), "others": saw}
        self._place(f"trials/{record.where}.json").write(json.dumps(content).encode())

    def blind(self) -> list[str]:
        """Trials that asked how the others do, and could not read it."""
        return sorted(name for name, saw in self._saw.items() if saw == UNSEEN)

    def end(self, why: str) -> None:
        """Keep why the search has ended, for a task that runs again."""
        self._place(ENDED).write(json.dumps({"why": why}).encode())

    def ended(self) -> str:
        """Why the search was ended before its time; empty where it was not."""
        return str((_document(self._place(ENDED)) or {}).get("why", ""))

    def keep(self, records: Sequence[TrialRecord]) -> None:
        """Keep the records of all trials, for when the engine has forgotten them."""
        self._place("trials.json").write(json.dumps([one.to_json() for one in records]).encode())

    def kept(self) -> list[TrialRecord]:
        """What `keep` kept."""
        content = self._place("trials.json").read()
        return [TrialRecord.from_json(one) for one in json.loads(content or b"[]")]

    def _record(self, seen: Seen) -> TrialRecord:
        if seen.name in self._final:
            return self._final[seen.name]
        content = _document(self._place(f"trials/{seen.name}.json"))
        if content is None:
            found = TrialRecord(0, seen.parameters, ABANDONED, where=seen.name)
        else:
            found = TrialRecord.from_json(content["record"])
            self._saw[seen.name] = content["others"]
        if found.state in (COMPLETED, STOPPED, FAILED):
            self._final[seen.name] = found
        elif seen.failed:
            found = replace(
                found,
                state=FAILED,
                failure=seen.failure,
                message=seen.message,
                ended=seen.ended,
                # It had no time to write how long it was at its last fold.
                seconds=max(found.seconds, _between(found.began, seen.ended)),
            )
        return found

    def _place(self, name: str) -> Place:
        if name not in self._places:
            self._places[name] = place_of(self.folder, name, os.environ)
        return self._places[name]


def _in_order(values: Mapping[int, float]) -> list[float]:
    return [values[fold] for fold in sorted(values)]


def _between(began: str, ended: str) -> float:
    """Seconds between two times, ISO 8601; none where one is not known."""
    if not began or not ended:
        return 0.0
    return (datetime.fromisoformat(ended) - datetime.fromisoformat(began)).total_seconds()


def _document(place: Place) -> dict[str, Any] | None:
    content = place.read()
    return None if content is None else dict(json.loads(content))
