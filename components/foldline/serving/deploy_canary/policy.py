"""The policy document of a rollout: what is watched, how sure the judge must be, and what else decides. Pure."""

import hashlib
import itertools
import json
from dataclasses import asdict, dataclass
from typing import Any

from foldline import document
from foldline.errors import ArgumentError
from foldline.serving.deploy_canary.feedback import settings as feedback
from foldline.serving.deploy_canary.gate import Gate, parse_gates

# Part of alpha that drift has beside other gates: what it is there for, another model's answers, it finds soon anyway.
DRIFT_SHARE = 0.1
MODES = ("canary", "shadow", "ab")
_DEFAULTS: dict[str, Any] = {
    "mode": "canary",
    "steps": [
        {"percent": 10, "min_s": 10, "min_requests": 100},
        {"percent": 50, "min_s": 10, "min_requests": 100},
    ],
    "gates": [{"signal": signal} for signal in ("errors", "latency", "invalid", "refused", "drift")],
    "alpha": 0.05,
    "beta": 0.05,
    "look_s": 5,
    "deadline_s": 3600,
    "on_inconclusive": "revert",
    "on_champion_failing": "hold",
    "mirror_percent": 0,
    "approval": "none",
    "bake_s": 0,
    "ab_s": 0,
    "ab_then": "revert",
    "feedback": {},
}


@dataclass(frozen=True)
class Step:
    """One share of the traffic.

    Attributes:
        percent: of the requests that go to the challenger.
        min_s: seconds that the step takes at least.
        min_requests: of the challenger, in this step, before the next.
    """

    percent: float
    min_s: float
    min_requests: int


@dataclass(frozen=True)
class Policy:
    """All that decides about a rollout; `parse` checks it.

    Attributes:
        mode: `canary`; `shadow`, where the challenger gets copies only; `ab`, which holds a split for `ab_s`.
        steps: ascending in percent; the last stays until the evidence is there.
        gates: all must be satisfied for promotion; any may revert.
        alpha: largest probability of reverting a challenger that is no worse than the champion in any gate.
        beta: largest probability that a gate takes for not worse a challenger that is at its margin.
        look_s: seconds from one look to the next.
        deadline_s: of the whole rollout; then `on_inconclusive`: revert, hold or promote.
        on_champion_failing: hold or abort, where the champion itself is above an objective.
        mirror_percent: of the champion's requests that are copied to the challenger.
        approval: none, before_promotion or each_step.
        bake_s: seconds for which the earlier champion stays ready after promotion.
        ab_s: seconds for which mode `ab` holds its last step.
        ab_then: what becomes of the split after that: revert or hold.
        feedback: what became of requests, for mode `ab` and for a bake; None where nothing tells.
    """

    mode: str
    steps: tuple[Step, ...]
    gates: tuple[Gate, ...]
    alpha: float
    beta: float
    look_s: float
    deadline_s: float
    on_inconclusive: str
    on_champion_failing: str
    mirror_percent: float
    approval: str
    bake_s: float
    ab_s: float
    ab_then: str
    feedback: feedback.Settings | None

    @classmethod
    def parse(cls, stated: dict[str, Any]) -> "Policy":
        """The policy that `stated` holds; what it leaves out has its default.

        Raises:
            ArgumentError: an unknown key, or a value that cannot be.
        """
        document.known("policy", stated, tuple(_DEFAULTS))
        given = _DEFAULTS | stated
        policy = cls(
            mode=document.choice("policy.mode", given["mode"], MODES),
            steps=_steps(given["steps"]),
            gates=parse_gates(given["gates"]),
            alpha=document.number("policy.alpha", given["alpha"], above=0, below=0.5),
            beta=document.number("policy.beta", given["beta"], above=0, below=0.5),
            look_s=document.number("policy.look_s", given["look_s"], above=0),
            deadline_s=document.number("policy.deadline_s", given["deadline_s"], above=0),
            on_inconclusive=document.choice(
                "policy.on_inconclusive", given["on_inconclusive"], ("revert", "hold", "promote")
            ),
            on_champion_failing=document.choice(
                "policy.on_champion_failing", given["on_champion_failing"], ("hold", "abort")
            ),
            mirror_percent=document.number("policy.mirror_percent", given["mirror_percent"], least=0, most=100),
            approval=document.choice("policy.approval", given["approval"], ("none", "before_promotion", "each_step")),
            bake_s=document.number("policy.bake_s", given["bake_s"], least=0),
            ab_s=document.number("policy.ab_s", given["ab_s"], least=0),
            ab_then=document.choice("policy.ab_then", given["ab_then"], ("revert", "hold")),
            feedback=feedback.parse("policy.feedback", given["feedback"]),
        )
        policy._check_together()
        return policy

    def _check_together(self) -> None:
        mirrored = self.mode == "shadow" or any(gate.signal == "disagreement" for gate in self.gates)
        if mirrored and self.mirror_percent == 0:
            raise ArgumentError(
                "policy.mirror_percent",
                expected="above 0, since mode shadow and the gate disagreement need copies of requests",
                got="0",
            )
        if (self.mode == "ab") != (self.ab_s > 0):
            raise ArgumentError(
                "policy.ab_s", expected="above 0 in mode ab and 0 in every other", got=f"{self.ab_s:g} in {self.mode}"
            )
        if self.feedback is not None and self.mode != "ab" and self.bake_s == 0:
            raise ArgumentError(
                "policy.bake_s", expected="above 0, since labels are judged in a bake; or mode ab", got="0"
            )
        least = sum(step.min_s for step in self.steps)
        if self.mode != "shadow" and least >= self.deadline_s:
            raise ArgumentError(
                "policy.deadline_s",
                expected=f"more than the {least:g} s that the steps take at least",
                got=f"{self.deadline_s:g}",
            )

    def revert_threshold(self, gate: Gate) -> float:
        """What the evidence of one of this gate's tests must reach to end the rollout.

        Alpha is shared by all tests that can (Bonferroni): drift has a tenth of it, if there are other gates.
        """
        tests = {
            is_drift: sum(one.reverts for one in self.gates if (one.signal == "drift") == is_drift)
            for is_drift in (True, False)
        }
        share = 1.0
        if all(tests.values()):
            share = DRIFT_SHARE if gate.signal == "drift" else 1.0 - DRIFT_SHARE
        return max(1, tests[gate.signal == "drift"]) / (share * self.alpha)

    @property
    def promote_threshold(self) -> float:
        """What the evidence of each gate must reach; all must, so that none needs a part of beta."""
        return 1.0 / self.beta

    def to_json(self) -> dict[str, Any]:
        """The whole document, defaults included; `parse` of it gives an equal policy."""
        whole = asdict(self)
        whole["steps"] = [asdict(step) for step in self.steps]
        whole["gates"] = [gate.to_json() for gate in self.gates]
        whole["feedback"] = self.feedback.to_json() if self.feedback is not None else {}
        return whole

    @property
    def digest(self) -> str:
        """SHA-256 of the whole document, equal for policies that mean the same."""
        return hashlib.sha256(json.dumps(self.to_json(), sort_keys=True).encode()).hexdigest()


def _steps(given: Any) -> tuple[Step, ...]:
    steps = []
    for what, entry in document.entries("policy.steps", given):
        document.known(what, entry, ("percent", "min_s", "min_requests"))
        if "percent" not in entry:
            raise ArgumentError(what, expected="the key 'percent'", got=", ".join(map(repr, entry)) or "none")
        steps.append(
            Step(
                # With all requests at the challenger there would be nothing to compare it with.
                percent=document.number(f"{what}.percent", entry["percent"], above=0, below=100),
                min_s=document.number(f"{what}.min_s", entry.get("min_s", 10), least=0),
                min_requests=document.whole(f"{what}.min_requests", entry.get("min_requests", 100)),
            )
        )
    percents = [step.percent for step in steps]
    if any(later <= earlier for earlier, later in itertools.pairwise(percents)):
        raise ArgumentError("policy.steps", expected="percents that ascend", got=", ".join(f"{p:g}" for p in percents))
    return tuple(steps)
