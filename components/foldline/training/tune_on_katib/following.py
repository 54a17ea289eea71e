"""Following a search to its end: the budget is kept here, and what does not move is told in words."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from foldline.cluster import UnansweredError
from foldline.errors import ClusterError, TrainingError
from foldline.training.search.trial import ABANDONED, COMPLETED, FAILED, TrialRecord
from foldline.training.tune_on_katib.engine import Engine, Sight, Trouble
from foldline.training.tune_on_katib.records import Records

POLL_S = 5.0
WORTH_TELLING_S = 30.0


@dataclass(frozen=True)
class Followed:
    """The end of a search: a record of each trial, why it has ended, and the seconds since its beginning."""

    trials: list[TrialRecord]
    why: str
    seconds: float


@dataclass(frozen=True)
class Limits:
    """What ends a search beside its engine: the seconds of the budget (0 for none), those for which nothing may move,
    and the share of the trials that may fail."""

    budget_s: float
    patience_s: float
    failures_allowed: float


class _Standstill:
    """For how long nothing has moved, and for how long the same trouble has been there."""

    def __init__(self, now: float) -> None:
        self._state, self._moved = "", now
        self._trouble: Trouble | None = None
        self._since = now

    def look(self, sight: Sight, now: float) -> None:
        if sight.state != self._state or sight.at_work:
            self._state, self._moved = sight.state, now
        if (sight.trouble and sight.trouble.kind) != (self._trouble and self._trouble.kind):
            self._trouble, self._since = sight.trouble, now

    def told(self, now: float) -> str:
        """The trouble, once it has lasted for longer than a thing that passes by itself."""
        return f"; {self._trouble.words}" if self._trouble and now - self._since >= WORTH_TELLING_S else ""

    def too_long(self, sight: Sight, patience_s: float, now: float) -> Trouble | None:
        """What the search is to be given up for; None where it may still go on."""
        if sight.trouble and now - self._since >= sight.trouble.patience_s:
            return sight.trouble
        if now - self._moved >= patience_s:
            return sight.trouble or Trouble(
                "standstill", f"nothing has moved for {now - self._moved:.0f} s ({sight.state})"
            )
        return None


def follow(
    engine: Engine,
    records: Records,
    limits: Limits,
    say: Callable[[str], None],
    *,
    poll_s: float = POLL_S,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Followed:
    """Begin a search, or go on with it, until it has ended.

    A search that stands still, or that its engine has given up, ends with the trials that there are, where at least one
    has all folds.

    Raises:
        ClusterError: the API server refuses something, or the search ended without a trial that has all folds.
        TrainingError: more trials failed than are allowed.
        StoreError, ArgumentError: the bucket cannot be read or written.
    """
    if why := records.ended():
        # It was ended here before its time, and the task that did so was killed before it could write the result.
        return Followed(records.kept(), why, 0.0)
    began = clock() - engine.start()
    standstill, said, unanswered_since = _Standstill(clock()), "", clock()
    while True:
        try:
            sight = engine.look()
        except UnansweredError as fault:
            if clock() - unanswered_since >= limits.patience_s:
                raise
            say(f"waiting for the API server: {fault}")
            sleep(poll_s)
            continue
        now = unanswered_since = clock()
        found = records.gather(sight.trials)
        records.tell(found)
        standstill.look(sight, now)
        if (line := f"{sight.state}{standstill.told(now)}") != said:
            said = line
            say(f"{engine.what}: {said}")
        if sight.ended:
            return _ended(engine, records, sight, limits.failures_allowed, now - began)
        stuck = standstill.too_long(sight, limits.patience_s, now)
        if stuck or (limits.budget_s and now - began >= limits.budget_s):
            why = (
                f"nothing moved: {stuck.words}" if stuck else f"the time of the budget, {limits.budget_s:g} s, is over"
            )
            return _broken_off(engine, records, found, why, stuck, now - began)
        sleep(poll_s)


def _ended(engine: Engine, records: Records, sight: Sight, failures_allowed: float, seconds: float) -> Followed:
    """A search that its engine has ended."""
    engine.end_trials()
    found = records.gather(sight.trials)
    failed = sum(one.state == FAILED for one in found)
    if sight.failed and failed > failures_allowed * sum(one.state != ABANDONED for one in found):
        raise TrainingError(
            f"trials of {engine.what}",
            expected=f"at most {failures_allowed:.0%} that fail",
            got=f"{failed} of {len(found)} ({told(found)})",
            fix="Narrow the space, or allow more by failures_allowed.",
        )
    if not _usable(found):
        trouble = sight.trouble
        raise ClusterError(
            engine.what,
            expected="at least one trial that has all folds",
            got=f"{len(found)} trials without ({sight.ended}{f': {trouble.words}' if trouble else ''}; {told(found)})",
            fix=trouble.fix if trouble else "",
        )
    return Followed(found, sight.ended, seconds)


def _broken_off(
    engine: Engine, records: Records, found: list[TrialRecord], why: str, stuck: Trouble | None, seconds: float
) -> Followed:
    """A search that is ended here; its trials are kept before the engine forgets them."""
    usable = _usable(found)
    if usable:
        records.keep(found)
        records.end(why)
        engine.remove()
        return Followed(found, why, seconds)
    if stuck is None:
        engine.remove()
    raise ClusterError(
        engine.what,
        expected="trials that get on" if stuck else "at least one trial that has all folds in the time of the budget",
        got=f"{stuck.words if stuck else why} ({told(found)})",
        fix=(stuck.fix if stuck else "") or "Its objects are there for a look.",
    )


def told(records: list[TrialRecord]) -> str:
    """How the trials stand, in a few words, with the message of the last failure."""
    if not records:
        return "no trial yet"
    counts = {state: sum(one.state == state for one in records) for state in {one.state for one in records}}
    last = next((one for one in reversed(records) if one.failure), None)
    said = f"; {last.where} failed ({last.failure}): {last.message[:300]}" if last else ""
    return ", ".join(f"{count} {state}" for state, count in sorted(counts.items())) + said


def _usable(records: list[TrialRecord]) -> bool:
    return any(one.state == COMPLETED for one in records)
