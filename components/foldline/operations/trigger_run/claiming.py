"""From a reason to exactly one run, whoever else has the same reason and whenever a task dies.

A watcher claims the run in the ledger, starts it under a name that the claim holds, lists the runs of that name, ends
all but the oldest, and records the one that stays. A task that dies in between leaves its claim: the next one waits
until the claim's lease is over, and finds by the name whether the run was started.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from foldline.errors import RunError
from foldline.operations.trigger_run.backends.backend import Backend, Run
from foldline.operations.trigger_run.guards import Guard
from foldline.operations.trigger_run.ledger import Entry
from foldline.operations.trigger_run.shared_ledger import Judge, SharedLedger

# What a claim takes is a handful of requests, each of which is given up after a minute at most.
LEASE_S = 120.0
POLL_S = 1.0
Look = Callable[[], tuple[Guard, ...]]


@dataclass(frozen=True)
class Outcome:
    """What became of a wish to start a run.

    Attributes:
        guards: what was looked at last.
        run: the run for the wish's key; None where there is none.
        started: whether the run is this task's: started, or found where a dead task had left it unrecorded.
        adopted: whether it was found.
    """

    guards: tuple[Guard, ...]
    run: Run | None = None
    started: bool = False
    adopted: bool = False


class Claims:
    """How one watcher starts runs.

    Args:
        backend: where they start.
        lease_s: seconds for which a claim counts since it last changed.
        wall, clock: seconds since 1970; seconds that only go on.
    """

    def __init__(
        self,
        ledger: SharedLedger,
        backend: Backend,
        *,
        lease_s: float = LEASE_S,
        poll_s: float = POLL_S,
        wall: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._ledger, self._backend = ledger, backend
        self._lease_s, self._poll_s = lease_s, poll_s
        self._wall, self._clock, self._sleep = wall, clock, sleep
        self._first_seen: dict[tuple[str, float], float] = {}

    def start(self, entry: Entry, judge: Judge, look: Look, begin: Callable[[], None]) -> Outcome:
        """Start the run of `entry`, unless a guard refuses.

        Args:
            judge: guards of the ledger; asked in the same step in which the claim is written.
            look: guards of what else is going on; asked before there is a claim, and again under it.
            begin: starts the run.

        Raises:
            RunError: the place refuses the run or does not answer; the claim stays until its lease is over.
            StoreError: the ledger cannot be read or written.
        """
        looked: tuple[Guard, ...] = ()
        ledger = self._ledger.read()
        if ledger.pending is None:
            judged, looked = judge(ledger), look()
            if not _pass((*judged, *looked)):
                return self._refused(entry, (*judged, *looked))
        mine = adopted = False
        while True:
            claimed_at = self._clock()
            judged = self._claim(entry, judge)
            if not _pass(judged):
                if mine:
                    self._end_lost(entry)
                return self._refused(entry, (*judged, *looked))
            if not mine and not self._backend.named(entry.name):
                looked = look()
                if not _pass(looked):
                    self._ledger.give_up()
                    return Outcome((*judged, *looked))
                if self._clock() - claimed_at > self._lease_s / 2:
                    continue
                begin()
            else:
                adopted = not mine
            mine = True
            run = self._settle(entry)
            if run is not None:
                return Outcome((*judged, *looked), run, started=True, adopted=adopted)

    def _claim(self, entry: Entry, judge: Judge) -> tuple[Guard, ...]:
        """Claim the run where the guards of the ledger let it start; gives them."""
        deadline = self._clock() + 10 * self._lease_s
        while True:
            judged, other = self._ledger.claim(entry, judge, self._is_left, self._wall())
            if other is None:
                return judged
            if self._is_left(other):
                self._resolve(other)
                continue
            if self._clock() >= deadline:
                raise RunError(
                    f"run/{other.name}",
                    expected=f"to be started by {other.owner} within {10 * self._lease_s:g} s",
                    got="a claim that it renews",
                )
            self._sleep(self._poll_s)

    def _is_left(self, claim: Entry) -> bool:
        """Whether the task that holds the claim counts as dead.

        It did not change for its lease by the clock of this task; one of more than two leases ago is believed at once,
        unless clocks differ that much.
        """
        since = self._first_seen.setdefault(claim.mark, self._clock())
        return self._clock() - since > self._lease_s or self._wall() - claim.claimed_at > 2 * self._lease_s

    def _resolve(self, claim: Entry) -> None:
        """End the claim of a dead task that wanted another run: recorded where the run was started, else dropped."""
        if self._backend.named(claim.name):
            self._settle(claim)
        else:
            self._ledger.drop(claim)

    def _settle(self, entry: Entry) -> Run | None:
        """End all runs of the entry's name but the oldest, and record that one; None where the claim is gone.

        Who finds another run recorded has listed before that one was there, or the other watcher has; it lists again.
        """
        for insist in (False, True):
            found = self._backend.named(entry.name)
            if not found:
                raise RunError(f"run/{entry.name}", expected="to be listed once it was started", got="no such run")
            oldest, *younger = found
            for double in younger:
                if not double.ended:
                    self._backend.terminate(double)
            recorded = self._ledger.record(entry.key, oldest.id, oldest.address, insist=insist)
            if recorded in (None, oldest.id):
                break
        return oldest if recorded is not None else None

    def _refused(self, entry: Entry, guards: tuple[Guard, ...]) -> Outcome:
        """A refusal, with the run where one was started for the same key; its doubles are ended."""
        if self._ledger.read().answering(entry.key) is None:
            return Outcome(guards)
        runs = self._backend.named(entry.name)
        return Outcome(guards, self._settle(entry) if len(runs) > 1 else next(iter(runs), None))

    def _end_lost(self, entry: Entry) -> None:
        """End the run of a claim that ran out before it was recorded, unless another task has recorded it."""
        if self._ledger.read().answering(entry.key) is None:
            for run in self._backend.named(entry.name):
                if not run.ended:
                    self._backend.terminate(run)


def _pass(guards: tuple[Guard, ...]) -> bool:
    return all(guard.passes for guard in guards)
