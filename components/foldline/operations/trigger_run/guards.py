"""What speaks against a run although there is a reason for it. Pure."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from foldline.artifacts import Decision
from foldline.operations.trigger_run.backends.backend import Run
from foldline.operations.trigger_run.ledger import Ledger
from foldline.operations.trigger_run.policy import BUDGET_WINDOW, Policy
from foldline.operations.trigger_run.reasons import Reason

ORDER = (
    DATA := "data fault",
    STARTED := "started before",
    CHAMPION := "champion",
    RUN := "run under way",
    ROLLOUT := "rollout under way",
    COOLDOWN := "cool-down",
    BUDGET := "budget",
)


@dataclass(frozen=True)
class Guard:
    """One thing that was looked at.

    Attributes:
        name: one of `ORDER`.
        passes: whether it lets a run start.
        sentence: what was seen.
        figures: JSON values that were looked at.
    """

    name: str
    passes: bool
    sentence: str
    figures: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The fields by name."""
        return asdict(self)


def sound_data(validation: Decision, drift: Decision) -> Guard:
    """No fault of the data's source: from it nothing should be learned."""
    figures = {"validation": validation.verdict, "drift": drift.verdict}
    for decision, verdict in ((validation, "fail"), (drift, "fault")):
        if decision.verdict == verdict:
            return Guard(DATA, False, f"The {decision.subject} decision says {verdict}: {decision.reasons[0]}", figures)
    return Guard(DATA, True, "Neither validation nor drift speaks of a fault in the data.", figures)


def same_champion(judged: str, current: str) -> Guard:
    """The champion is still the model that the decisions are about (empty: about none)."""
    figures = {"judged": judged, "champion": current}
    if judged and judged != current:
        said = f"The decisions are about version {judged}, and the champion is {current or 'none'} now."
        return Guard(CHAMPION, False, said, figures)
    return Guard(CHAMPION, True, f"The decisions are about the champion, {current or 'none'}.", figures)


def of_ledger(ledger: Ledger, reason: Reason, policy: Policy, now: datetime) -> tuple[Guard, ...]:
    """What the runs that were started before say.

    Args:
        reason: the leading one.
        now: aware.
    """
    return (_not_answered(ledger, reason), _cooled_down(ledger, policy, now), _within_budget(ledger, policy, now))


def unanswered(ledger: Ledger, reasons: Sequence[Reason]) -> tuple[Reason, ...]:
    """The reasons for which no run was started yet."""
    return tuple(reason for reason in reasons if ledger.answering(reason.key) is None)


def none_under_way(runs: Sequence[Run], pipeline: str) -> Guard:
    """No other run of the pipeline is going on.

    Args:
        runs: those that are.
    """
    figures = {"runs": [run.name for run in runs]}
    if runs:
        return Guard(RUN, False, f"Run {runs[0].name} of {pipeline} is under way ({runs[0].state}).", figures)
    return Guard(RUN, True, f"No run of {pipeline} is under way.", figures)


def in_order(guards: Sequence[Guard]) -> tuple[Guard, ...]:
    """The guards in the order in which they count."""
    return tuple(sorted(guards, key=lambda guard: ORDER.index(guard.name)))


def _not_answered(ledger: Ledger, reason: Reason) -> Guard:
    entry = ledger.answering(reason.key)
    if entry is None:
        return Guard(STARTED, True, "No run was started for this before.", {"key": reason.key})
    said = f"Run {entry.name} was started for this, decided at {entry.at} by {entry.owner}."
    figures = {"key": reason.key, "run": entry.name, "run_id": entry.run_id, "at": entry.at, "owner": entry.owner}
    return Guard(STARTED, False, said, figures)


def _cooled_down(ledger: Ledger, policy: Policy, now: datetime) -> Guard:
    last = max(ledger.started, key=lambda entry: entry.time, default=None)
    figures = {"cooldown": policy.cooldown, "last_start": last.at if last else ""}
    if last is not None and now < last.time + policy.cooldown_time:
        until = (last.time + policy.cooldown_time).isoformat()
        said = f"Run {last.name} started at {last.at}; until {until} none starts ({policy.cooldown})."
        return Guard(COOLDOWN, False, said, figures)
    return Guard(COOLDOWN, True, f"No run started within {policy.cooldown}.", figures)


def _within_budget(ledger: Ledger, policy: Policy, now: datetime) -> Guard:
    recent = [entry for entry in ledger.started if entry.time > now - BUDGET_WINDOW]
    figures = {"starts": len(recent), "monthly_budget": policy.monthly_budget}
    said = f"{len(recent)} of {policy.monthly_budget} starts within {BUDGET_WINDOW.days} days are used."
    return Guard(BUDGET, len(recent) < policy.monthly_budget, said, figures)
