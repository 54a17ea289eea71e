"""What a rollout does next. Pure: the record, the judge's word and the clock in, a move out."""

from dataclasses import dataclass
from typing import Protocol

from foldline.serving.deploy_canary.judge.evidence import SUSPICION
from foldline.serving.deploy_canary.policy import Policy
from foldline.serving.deploy_canary.rollout.record import Record
from foldline.serving.deploy_canary.rollout.word import ABORT, APPROVE, PAUSE, Word

# The router keeps weights in ten-thousandths, and at least one of them while the challenger is in the route.
SHARE_TOLERANCE = 0.02
CANARY, SHADOW, AB = "canary", "shadow", "ab"


class Judged(Protocol):
    """What the judge says after a look at a split."""

    @property
    def verdict(self) -> str: ...

    @property
    def reasons(self) -> tuple[str, ...]: ...

    @property
    def against(self) -> float: ...


class Baked(Protocol):
    """What the judge says after a look at a bake."""

    @property
    def verdict(self) -> str: ...

    @property
    def reasons(self) -> tuple[str, ...]: ...

    @property
    def blind(self) -> bool: ...


@dataclass(frozen=True)
class Stay:
    """Nothing changes; `why` for the log."""

    why: str


@dataclass(frozen=True)
class Ask:
    """A person has to approve of `what`."""

    what: str


@dataclass(frozen=True)
class Shift:
    """On to the policy's step of this index."""

    step: int


@dataclass(frozen=True)
class Promote:
    """All evidence is there, or the policy says so."""

    why: str


@dataclass(frozen=True)
class Revert:
    """Back to the champion.

    Attributes:
        final: whether evidence, a person or the policy says so, and a second run must not try again.
        verdict: `rollback`, or `keep` where nothing spoke against the challenger.
    """

    reasons: tuple[str, ...]
    final: bool
    verdict: str = "rollback"


@dataclass(frozen=True)
class Leave:
    """The task ends and the split stays as it is; the next run goes on."""

    why: str


Move = Stay | Ask | Shift | Promote | Revert | Leave


def first_step(policy: Policy) -> tuple[int, float]:
    """Index of the step that a rollout begins with, and the challenger's share in it."""
    if policy.mode == SHADOW:
        return 0, 0.0
    index = 0 if policy.mode == CANARY else len(policy.steps) - 1
    return index, policy.steps[index].percent


def step_words(policy: Policy, step: int, percent: float) -> str:
    """What a step gives the challenger."""
    if not percent:
        return f"copies of {policy.mirror_percent:g} % of the requests to the challenger, and no others"
    return f"step {step + 1} of {len(policy.steps)}: {percent:g} % to the challenger"


def while_shifting(
    record: Record, policy: Policy, judged: Judged, *, percent: float | None, word: Word, now: float
) -> Move:
    """The next move of a rollout that splits traffic.

    Args:
        percent: the challenger's share as the router has it; None where it is out of the route.
        word: what a person said last; an approval counts if it came after it was asked for.
        now: seconds since 1970.
    """
    if word.word == ABORT and word.at >= record.started_at:
        return Revert(("A person ended the rollout.",), final=True)
    foreign = _foreign(record, percent)
    if foreign:
        return Revert((foreign,), final=False)
    if judged.verdict in ("revert", "abort"):
        return Revert(judged.reasons, final=True)
    if word.word == PAUSE and word.at >= record.started_at:
        return Stay("a person paused it")
    if policy.mode != CANARY:
        over = _over(record, policy, judged, now)
        if over and policy.mode == AB and policy.ab_then == "hold":
            return Leave(over)
        return Revert((over,), final=True, verdict="keep") if over else Stay("; ".join(judged.reasons))
    last = record.step + 1 >= len(policy.steps)
    missing = _missing(record, policy, now)
    if last and judged.verdict == "promote" and not missing:
        return _approved(record, policy, Promote("all gates are satisfied"), word, now)
    if now - record.started_at >= policy.deadline_s:
        return _inconclusive(policy, judged)
    if missing or last:
        return Stay(missing or "; ".join(judged.reasons))
    if judged.against >= SUSPICION:
        return Stay(f"no larger share while there is evidence against it ({judged.against:.3g})")
    return _approved(record, policy, Shift(record.step + 1), word, now)


def while_baking(record: Record, policy: Policy, judged: Baked, *, word: Word, now: float) -> Move:
    """The next move of a rollout whose challenger has all traffic and whose champion still stands by."""
    if word.word == ABORT and word.at >= record.started_at:
        return Revert(("A person ended the rollout.",), final=True)
    if judged.verdict in ("revert", "abort"):
        return Revert(judged.reasons, final=True)
    left = policy.bake_s - (now - record.entered_at)
    if left > 0:
        return Stay(f"baking for {left:.0f} s more")
    if not judged.blind:
        return Promote(f"It stood the time of the bake: {'; '.join(judged.reasons)}")
    if left + policy.deadline_s > 0:
        return Stay("no evidence since promotion: it bakes on")
    return _inconclusive(policy, judged)


def _approved(record: Record, policy: Policy, move: Shift | Promote, word: Word, now: float) -> Move:
    wanted = policy.approval == "each_step" or (policy.approval == "before_promotion" and isinstance(move, Promote))
    if not wanted or (word.word == APPROVE and record.asked_at and word.at >= record.asked_at):
        return move
    if now - record.started_at >= policy.deadline_s:
        return (
            Leave("Nobody approved before the deadline.")
            if policy.on_inconclusive == "hold"
            else Revert(("Nobody approved before the deadline.",), final=False)
        )
    what = "promotion" if isinstance(move, Promote) else f"step {move.step + 1}, {policy.steps[move.step].percent:g} %"
    return Ask(what)


def _over(record: Record, policy: Policy, judged: Judged, now: float) -> str:
    """Why a comparison that promotes nothing has ended; empty where it goes on."""
    if policy.mode == SHADOW:
        if judged.verdict == "promote":
            return "All gates are satisfied on copies of requests; mode shadow shifts none."
        late = now - record.started_at >= policy.deadline_s
        return (
            f"The deadline of {policy.deadline_s:g} s came before the evidence; mode shadow shifts none."
            if late
            else ""
        )
    passed = now - record.entered_at
    return f"The split was held for {policy.ab_s:g} s." if passed >= policy.ab_s else ""


def _missing(record: Record, policy: Policy, now: float) -> str:
    """What the step still lacks before the next one; empty where nothing."""
    step = policy.steps[record.step]
    if record.step_requests < step.min_requests:
        return f"{record.step_requests} of {step.min_requests} requests of this step"
    passed = now - record.entered_at
    return f"{passed:.0f} of {step.min_s:g} s of this step" if passed < step.min_s else ""


def _inconclusive(policy: Policy, judged: Judged | Baked) -> Move:
    why = f"The deadline of {policy.deadline_s:g} s came before the evidence: {'; '.join(judged.reasons)}"
    if policy.on_inconclusive == "promote":
        return Promote(why)
    return Leave(why) if policy.on_inconclusive == "hold" else Revert((why,), final=True)


def _foreign(record: Record, percent: float | None) -> str:
    if percent is None:
        return f"Somebody took the challenger out of the route, which had {record.percent:g} %."
    if abs(percent - record.percent) > SHARE_TOLERANCE:
        return f"Somebody changed the challenger's share from {record.percent:g} to {percent:g} %."
    return ""
