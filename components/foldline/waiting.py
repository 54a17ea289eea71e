"""Waiting for the state of a cluster, with an end."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from foldline.cluster.faults import UnansweredError
from foldline.errors import ClusterError, FoldlineError

Seen = TypeVar("Seen")


@dataclass(frozen=True)
class Done:
    """What was waited for is there."""


@dataclass(frozen=True)
class Failed:
    """It will not come by itself; `state` says why."""

    state: str


@dataclass(frozen=True)
class Pending:
    """It is not there yet; `state` says what is."""

    state: str


Outcome = Done | Failed | Pending


@dataclass(frozen=True)
class Waited(Generic[Seen]):
    """The end of a wait that went well: what was seen last, and the seconds it took."""

    seen: Seen
    seconds: float


def wait_until(
    fetch: Callable[[], Seen],
    judge: Callable[[Seen], Outcome],
    *,
    what: str,
    expected: str,
    timeout_s: float,
    poll_s: float = 1.0,
    error: type[FoldlineError] = ClusterError,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Waited[Seen]:
    """Fetch and judge again and again until it is done.

    An API server that does not answer is one more state to wait through, up to the deadline.

    Args:
        what, expected: the words of the error.
        timeout_s: seconds until it is given up, requests included.
        poll_s: seconds between the end of one look and the next.
        error: class of the error.

    Raises:
        FoldlineError: of class `error`; it failed, or is not there after `timeout_s`; the message has the last state.
    """
    started = clock()
    while True:
        try:
            seen = fetch()
            outcome = judge(seen)
        except UnansweredError as fault:
            outcome = Pending(str(fault))
        if isinstance(outcome, Done):
            return Waited(seen, clock() - started)
        if isinstance(outcome, Failed):
            raise error(what, expected=expected, got=outcome.state)
        passed = clock() - started
        if passed >= timeout_s:
            raise error(what, expected=f"{expected} within {timeout_s:g} s", got=outcome.state)
        sleep(min(poll_s, timeout_s - passed))
