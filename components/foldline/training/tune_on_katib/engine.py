"""What a search needs of whatever runs its trials in pods: to begin, to be looked at, and to end.

Katib's Experiment is the one that there is; the OptimizationJob of Kubeflow's Trainer can become another behind the
same calls. What a trial found is not asked of the engine: trials leave it in the bucket (`records`).
"""

from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True)
class Seen:
    """A trial as the engine sees it.

    Attributes:
        name: by which its record is found in the bucket.
        parameters: its point.
        over: whether the engine has done with it.
        failed: whether the engine says that it failed; a trial whose record is complete has not.
        failure: one of `search.trial.FAILURES` where it failed.
        message: why, in the engine's words.
        ended: when it failed, in UTC, ISO 8601; empty where the engine does not say.
    """

    name: str
    parameters: dict[str, Any]
    over: bool
    failed: bool = False
    failure: str = ""
    message: str = ""
    ended: str = ""


@dataclass(frozen=True)
class Trouble:
    """Why nothing moves: its kind, which stays while the words change, what it is, what to do, and for how many seconds
    it may last before the search is given up."""

    kind: str
    words: str
    fix: str = ""
    patience_s: float = 0.0


@dataclass(frozen=True)
class Sight:
    """A search as the engine sees it now.

    Attributes:
        trials: in the order in which they were made.
        ended: why it has ended; empty while it goes on.
        failed: whether that is a failure.
        at_work: trials whose pod computes.
        trouble: what keeps the others from it; None where nothing is known.
        state: all that changes when something moves, in one line.
    """

    trials: tuple[Seen, ...]
    ended: str
    failed: bool
    at_work: int
    trouble: Trouble | None
    state: str


class Engine(Protocol):
    """One search on one engine. Every method raises ClusterError where the API server refuses something."""

    @property
    def what(self) -> str:
        """The object as messages name it."""

    def start(self) -> float:
        """Begin, or take up what an earlier task began; the seconds since the beginning."""

    def look(self) -> Sight:
        """How it stands."""

    def end_trials(self) -> None:
        """End the trials that still run, after the search has ended."""

    def remove(self) -> None:
        """End the search and its trials before its time."""
