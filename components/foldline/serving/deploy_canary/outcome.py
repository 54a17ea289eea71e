"""What a canary came to: its decision, its page, and what the KFP UI shows."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from foldline.artifacts import Decision
from foldline.errors import ClusterError, FoldlineError, ServingError, StoreError
from foldline.serving.deploy_canary import page
from foldline.serving.deploy_canary.policy import Policy
from foldline.serving.deploy_canary.rollout.record import (
    BAKING,
    EXAMINING,
    PROMOTED,
    REVERTED,
    REVERTING,
    SETTLING,
    Record,
)

MOST_PROBLEMS = 10


@dataclass
class Outcome:
    """Figures as they come in, and where the decision goes.

    Attributes:
        policy: what the figures are held against.
        problems: what a server answered wrongly.
        record: of the rollout; None where no traffic was split.
    """

    decision: Path
    report: Path
    describe: Callable[[dict[str, Any]], None]
    policy: dict[str, Any]
    figures: dict[str, Any]
    problems: list[str] = field(default_factory=list)
    record: Record | None = None

    @contextmanager
    def told(self) -> Iterator[None]:
        """A block that rolls out; at its end the decision is written, also where it ends in an error.

        Raises:
            ServingError: the challenger was rolled back.
        """
        try:
            yield
        except FoldlineError as fault:
            self.problems += getattr(fault, "__notes__", []) if self.problems else []
            unfinished = self._unfinished()
            if self.problems and not unfinished:
                raise self._wrong() from None
            if isinstance(fault, ServingError | ClusterError | StoreError):
                verdict, state = unfinished or ("keep", "The champion stays")
                self.conclude(verdict, f"{state}: {fault}", *getattr(fault, "__notes__", []))
            raise
        if self.problems:
            raise self._wrong()
        if self.record is None or self.record.phase == PROMOTED:
            self._promoted()
        elif not self.record.ended:
            self.conclude("hold", f"The split stays as it is: {self.record.events[-1].what}")
        elif self.record.verdict == "keep":
            self.conclude("keep", *self.record.reasons)
        else:
            raise self._rolled_back(self.record)

    def noted(self, record: Record) -> None:
        """Keep the rollout's record as it stands."""
        self.record = record

    def conclude(self, verdict: str, *reasons: str) -> None:
        """Write the decision and its page."""
        figures = self.figures | (_of_rollout(self.record) if self.record else {})
        made = Decision(subject="canary", verdict=verdict, reasons=reasons, figures=figures, policy=self.policy)
        made.write(self.decision)
        page.canary(made, self.record.series if self.record else ()).write(self.report)
        self.describe({"verdict": verdict, "version": figures["challenger_version"]})

    @property
    def _canary(self) -> str:
        return f"canary of model {self.figures['model_name']} version {self.figures['challenger_version']}"

    def _promoted(self) -> None:
        asked = self.figures.get("requests", 0) + self.figures.get("served_requests", 0)
        done = f"{asked} requests were answered rightly" if asked else "it was so before this task, which did nothing"
        evidence = [*self.record.judged.get("reasons", []), *self.record.reasons] if self.record else []
        self.conclude("promote", f"Version {self.figures['challenger_version']} is the champion: {done}.", *evidence)

    def _unfinished(self) -> tuple[str, str] | None:
        """Verdict and words for a rollout that broke off where it stood; None where the champion has the traffic."""
        record = self.record
        if record is None or record.phase in (EXAMINING, REVERTED):
            return None
        if record.phase in (BAKING, SETTLING, PROMOTED):
            return "promote", f"Version {record.challenger} is the champion, and the next run ends the rollout"
        if record.phase == REVERTING:
            why = f"; it goes back because of this: {record.reasons[0]}"
            return (
                "rollback",
                f"The way back is not finished, and the challenger may still serve{why}; the next run goes on",
            )
        return "hold", f"The challenger may still have {record.percent:g} % of the requests, and the next run goes on"

    def _wrong(self) -> ServingError:
        self.figures["problems"] = self.problems[:MOST_PROBLEMS]
        first, count = self.problems[0], len(self.problems)
        self.conclude("rollback", f"The champion stays: {first}.", f"{count} of the checks failed.")
        return ServingError(
            self._canary,
            expected="right answers to all smoke requests",
            got=f"{count} wrong; first {first}",
            fix="The champion stays; the report lists what failed.",
        )

    def _rolled_back(self, record: Record) -> ServingError:
        self.conclude("rollback", f"The champion stays: {record.reasons[0]}", *record.reasons[1:])
        return ServingError(
            self._canary,
            expected="a challenger that its gates let pass",
            got=record.reasons[0],
            fix="The champion has all traffic; the report shows the evidence. "
            "A run with another policy begins a new rollout.",
        )


def stated(policy: Policy) -> dict[str, Any]:
    """The rollout's policy, with the evidence that it asks for."""
    return {
        **policy.to_json(),
        "revert_at": {gate.name: policy.revert_threshold(gate) for gate in policy.gates},
        "promote_at": policy.promote_threshold,
    }


def _of_rollout(record: Record) -> dict[str, Any]:
    return {
        "rollout": record.id,
        "phase": record.phase,
        "seconds": round(record.events[-1].at - record.started_at, 1) if record.events else 0.0,
        "looks": record.judged.get("looks", 0),
        "requests_of_challenger": record.judged.get("requests", 0),
        "gates": record.judged.get("gates", []),
        **({"effect": record.effect} if record.effect else {}),
        "events": [{"at": event.at, "what": event.what} for event in record.events],
    }
