"""What is remembered of a rollout. Pure."""

import hashlib
import json
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Self

from foldline.errors import ServingError
from foldline.serving.deploy_canary.rollout import series

FORM = "foldline.rollout/1"
MOST_EVENTS = 200

EXAMINING = "examining"
SHIFTING = "shifting"
PROMOTING = "promoting"
BAKING = "baking"
SETTLING = "settling"
REVERTING = "reverting"
PROMOTED = "promoted"
REVERTED = "reverted"
PHASES = (EXAMINING, SHIFTING, PROMOTING, BAKING, SETTLING, REVERTING, PROMOTED, REVERTED)
ENDED = (PROMOTED, REVERTED)
# Before these the champion of the store is still the one that served when the rollout began.
BEFORE_PROMOTION = (EXAMINING, SHIFTING)


@dataclass(frozen=True)
class Event:
    """Something that happened: seconds since 1970, and what, in words."""

    at: float
    what: str


@dataclass(frozen=True)
class Record:
    """A rollout of one challenger.

    Attributes:
        id: of the rollout; the same challenger, champion and policy have the same.
        champion: version that served when it began; empty where none did.
        policy: the document.
        phase: one of PHASES.
        step: index of the policy's step, while shifting.
        percent: the challenger's share as last asked of the router.
        started_at, entered_at: seconds since 1970: the rollout, and this phase or step.
        seen_at: seconds since 1970 of the last look; 0 before the first.
        judge: the judge's state.
        judged: what the judge said last.
        bake: the state of the bake's judges.
        split_at, split_until: seconds since 1970 at which the first requests went to the challenger, and the champion
            got its last ones, or all again; 0 before.
        effect: of mode ab, as far as it is known.
        step_requests: the challenger's requests in this step.
        final: whether evidence or a person ended it, so that a second run must not begin it again.
        verdict: of one that goes back: `rollback`, or `keep` where nothing spoke against the challenger.
        asked_at: when a person was asked to approve of what comes next; 0 where nobody was.
        reasons: why it goes back, or went; or what its bake has shown.
        events: the last ones, the oldest first.
        series: one entry a look, for the page.
    """

    id: str
    model_name: str
    challenger: str
    champion: str
    policy: dict[str, Any]
    started_at: float
    entered_at: float
    phase: str = EXAMINING
    step: int = 0
    percent: float = 0.0
    seen_at: float = 0.0
    judge: dict[str, Any] = field(default_factory=dict)
    judged: dict[str, Any] = field(default_factory=dict)
    bake: dict[str, Any] = field(default_factory=dict)
    split_at: float = 0.0
    split_until: float = 0.0
    effect: dict[str, Any] = field(default_factory=dict)
    step_requests: int = 0
    final: bool = False
    verdict: str = ""
    asked_at: float = 0.0
    reasons: tuple[str, ...] = ()
    events: tuple[Event, ...] = ()
    series: tuple[dict[str, Any], ...] = ()

    @property
    def ended(self) -> bool:
        """Whether nothing is left to do."""
        return self.phase in ENDED

    def entering(self, phase: str, at: float, what: str, **changed: Any) -> Self:
        """The record at the beginning of another phase or step."""
        split_at = at if phase == SHIFTING and not self.split_at else self.split_at
        ends = self.phase in BEFORE_PROMOTION and phase not in BEFORE_PROMOTION
        moved = replace(
            self,
            phase=phase,
            entered_at=at,
            step_requests=0,
            asked_at=0.0,
            split_at=split_at,
            split_until=at if ends else self.split_until,
            **changed,
        )
        return moved.noting(at, what)

    def looked(self, at: float, state: dict[str, Any], judged: dict[str, Any], requests: int) -> Self:
        """The record after a look at the split.

        Args:
            state, judged: of the judge, and what it said.
            requests: of the challenger since the look before.
        """
        return replace(
            self,
            seen_at=at,
            judge=state,
            judged=judged,
            series=series.extended(self.series, series.entry(judged["at"], self.percent, judged)),
            step_requests=self.step_requests + max(requests, 0),
        )

    def noting(self, at: float, what: str) -> Self:
        """The record with one more event."""
        return replace(self, events=(*self.events, Event(at, what))[-MOST_EVENTS:])

    def to_json(self) -> dict[str, Any]:
        """What is stored."""
        return {"form": FORM, **asdict(self)}

    @classmethod
    def from_json(cls, content: Any, where: str) -> Self:
        """The record in `content`; `where` names the file or object in the message.

        Raises:
            ServingError: it is none.
        """
        try:
            fields = dict(content)
            if fields.pop("form") != FORM or fields["phase"] not in PHASES:
                raise ValueError(content)
            fields["events"] = tuple(Event(**event) for event in fields["events"])
            fields["reasons"], fields["series"] = tuple(fields["reasons"]), tuple(fields["series"])
            return cls(**fields)
        except (KeyError, TypeError, ValueError):
            raise ServingError(
                f"rollout in {where}",
                expected=f"a record of the form {FORM}",
                got=repr(content)[:80],
                fix="It was edited, or an other version of Foldline wrote it; end that rollout by hand and remove it.",
            ) from None


def rollout_id(challenger: str, champion: str, policy: dict[str, Any]) -> str:
    """Name of the rollout of this challenger against this champion under this policy: 12 hexadecimal digits."""
    text = json.dumps([challenger, champion, policy], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
