"""The ledger of one model where all its watchers find it; each change is one step among them all."""

from collections.abc import Callable
from dataclasses import replace

from foldline.operations.trigger_run.guards import Guard
from foldline.operations.trigger_run.ledger import STARTED, Entry, Ledger
from foldline.store.records import Content, Records

Judge = Callable[[Ledger], tuple[Guard, ...]]


class SharedLedger:
    """The record `triggers/<model_name>`.

    Args:
        records: shared by all watchers.
        owner: of this task, different from all others.
    """

    def __init__(self, records: Records, model_name: str, owner: str) -> None:
        self._records, self._name, self._owner = records, f"triggers/{model_name}", owner

    def read(self) -> Ledger:
        """The ledger as it is.

        Raises:
            StoreError: it cannot be read, or is none; so for all that follow.
        """
        return self._of(self._records.read(self._name))

    def claim(
        self, entry: Entry, judge: Judge, is_left: Callable[[Entry], bool], now: float
    ) -> tuple[tuple[Guard, ...], Entry | None]:
        """Claim the run of `entry`, or renew the own claim, where no guard refuses and nobody else holds one.

        Args:
            judge: guards that the ledger is held against.
            is_left: whether a claim is a dead task's; one for the same key is taken over.
            now: seconds since 1970.

        Returns:
            What the guards said, and the claim of somebody else that stands in the way; then no guard was asked.
        """
        judged: tuple[Guard, ...] = ()
        other: Entry | None = None

        def change(content: Content | None) -> Content | None:
            nonlocal judged, other
            ledger = self._of(content)
            pending = ledger.pending
            foreign = pending is not None and pending.owner != self._owner
            if pending is not None and foreign and not (pending.key == entry.key and is_left(pending)):
                judged, other = (), pending
                return None
            judged, other = judge(ledger), None
            if not all(guard.passes for guard in judged):
                return None
            return ledger.without_claim().with_entry(replace(entry, owner=self._owner, claimed_at=now)).to_json()

        self._records.change(self._name, change)
        return judged, other

    def record(self, key: str, run_id: str, address: str, *, insist: bool) -> str | None:
        """Note the run for the claim of `key`; one that is noted already stays, unless `insist`.

        Returns:
            The id of the run that is noted then, None where there is neither claim nor run.
        """
        noted: str | None = None

        def change(content: Content | None) -> Content | None:
            nonlocal noted
            ledger = self._of(content)
            held = next((one for one in ledger.entries if one.key == key), None)
            if held is None or (held.state == STARTED and (held.run_id == run_id or not insist)):
                noted = held.run_id if held is not None else None
                return None
            noted = run_id
            return ledger.with_entry(replace(held, state=STARTED, run_id=run_id, address=address)).to_json()

        self._records.change(self._name, change)
        return noted

    def give_up(self) -> None:
        """Drop the own claim."""
        self._drop(lambda pending: pending.owner == self._owner)

    def drop(self, claim: Entry) -> None:
        """Drop a dead task's claim, unless it changed meanwhile."""
        self._drop(lambda pending: pending.mark == claim.mark)

    def _drop(self, which: Callable[[Entry], bool]) -> None:
        def change(content: Content | None) -> Content | None:
            ledger = self._of(content)
            return ledger.without_claim().to_json() if ledger.pending and which(ledger.pending) else None

        self._records.change(self._name, change)

    def _of(self, content: Content | None) -> Ledger:
        return Ledger.from_json(content, self._name)
