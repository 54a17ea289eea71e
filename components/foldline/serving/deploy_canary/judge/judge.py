"""The judge of a rollout: readings in, verdicts out. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from foldline.errors import ArtifactError
from foldline.serving.deploy_canary.judge import reasons, windows
from foldline.serving.deploy_canary.judge.gates import GateEvidence, GateJudgement
from foldline.serving.deploy_canary.policy import Policy
from foldline.serving.reading import Reading

FORM = 1


@dataclass(frozen=True)
class Judgement:
    """What the judge says at one look.

    Attributes:
        at: seconds since 1970.
        verdict: `promote`, `revert`, `hold` or `abort`.
        reasons: of the verdict, in words with figures; the first says it all.
        looks: number of looks so far.
        requests: of the challenger, in the looks that were used.
        seconds: of the looks that were used.
        gates: in the policy's order.
        problem: what of this look could not be used; empty where nothing is amiss.
        used: whether a gate took evidence from this look, or could have. Where not, the next look may have the same
            `before`; where it was, that would count its events twice.
    """

    at: float
    verdict: str
    reasons: tuple[str, ...]
    looks: int
    requests: int
    seconds: float
    gates: tuple[GateJudgement, ...]
    problem: str
    used: bool

    @property
    def against(self) -> float:
        """The largest evidence of any gate against the challenger; 0 without gates that can revert."""
        return max((value for gate in self.gates for value in (gate.e_worse, gate.e_objective) if value), default=0.0)

    def to_json(self) -> dict[str, Any]:
        """The same in plain values."""
        return {
            "at": self.at,
            "verdict": self.verdict,
            "reasons": list(self.reasons),
            "looks": self.looks,
            "requests": self.requests,
            "seconds": self.seconds,
            "gates": [gate.to_json() for gate in self.gates],
            "problem": self.problem,
            "used": self.used,
        }


class Judge:
    """Collects evidence under one policy."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self._gates = [GateEvidence(policy, gate) for gate in policy.gates]
        self._looks, self._requests, self._seconds = 0, 0, 0.0

    def look(self, before: Reading, after: Reading) -> Judgement:
        """Add what happened between two readings, and judge.

        The share of the traffic must not change between them: begin with a new `before` after each shift. A window in
        which only the champion has requests adds no evidence, but its own quantiles can be frozen from it.
        """
        window = windows.between(before, after)
        gates = tuple(gate.look(window) for gate in self._gates)
        both = window.champion is not None and window.challenger is not None
        used = both or any(not gate.problem for gate in gates)
        self._looks += 1
        if used:
            self._seconds += window.seconds
            self._requests += window.challenger.requests if window.challenger is not None else 0
        verdict, why = self._verdict(gates)
        return Judgement(
            after.at, verdict, tuple(why), self._looks, self._requests, self._seconds, gates, window.problem, used
        )

    def _verdict(self, gates: Sequence[GateJudgement]) -> tuple[str, list[str]]:
        policy = self.policy
        worse = [reasons.worse(gate) for gate in gates if gate.worse]
        failing = [
            reasons.above(gate, limits, "champion")
            for gate, limits in zip(gates, policy.gates, strict=True)
            if gate.champion_above_objective
        ]
        above = [
            reasons.above(gate, limits, "challenger")
            for gate, limits in zip(gates, policy.gates, strict=True)
            if gate.above_objective and not gate.champion_above_objective
        ]
        if worse or above:
            return "revert", worse + above
        if failing:
            return policy.on_champion_failing, failing
        waiting = [
            reasons.waiting(gate, limits, policy.promote_threshold)
            for gate, limits in zip(gates, policy.gates, strict=True)
            if not gate.satisfied
        ]
        waiting += reasons.too_little(policy, self._requests, self._seconds)
        if waiting:
            return "hold", waiting
        return "promote", [
            reasons.satisfied(gate, limits, policy.promote_threshold)
            for gate, limits in zip(gates, policy.gates, strict=True)
        ]

    def to_json(self) -> dict[str, Any]:
        """The evidence in plain values, below 20 kB; `from_json` goes on from it exactly as this judge would."""
        return {
            "form": FORM,
            "policy": self.policy.digest,
            "looks": self._looks,
            "requests": self._requests,
            "seconds": self._seconds,
            "gates": [gate.to_json() for gate in self._gates],
        }

    @classmethod
    def from_json(cls, policy: Policy, state: dict[str, Any]) -> "Judge":
        """The judge that `to_json` described.

        Raises:
            ArtifactError: the state is of another form, or of another policy.
        """
        for field, expected in (("form", FORM), ("policy", policy.digest)):
            if state.get(field) != expected:
                raise ArtifactError(
                    f"field {field} of the judge's state",
                    expected=repr(expected),
                    got=repr(state.get(field)),
                    fix="Evidence belongs to the policy that it was collected under: begin a new rollout.",
                )
        judge = cls(policy)
        judge._looks, judge._requests = int(state["looks"]), int(state["requests"])
        judge._seconds = float(state["seconds"])
        judge._gates = [
            GateEvidence.from_json(policy, gate, kept) for gate, kept in zip(policy.gates, state["gates"], strict=True)
        ]
        return judge
