"""One gate: its evidence so far, and what it says of it. Pure."""

from dataclasses import asdict, dataclass
from typing import Any

from foldline.serving.deploy_canary.gate import PARTS, Gate
from foldline.serving.deploy_canary.judge import signals
from foldline.serving.deploy_canary.judge.evidence import SUSPICION, Counts, Evidence, compare, exceed, upper_bound
from foldline.serving.deploy_canary.judge.signals import Pair, Reference
from foldline.serving.deploy_canary.judge.windows import Window
from foldline.serving.deploy_canary.policy import Policy


@dataclass(frozen=True)
class GateJudgement:
    """What one gate says at one look, over all windows that told it something.

    Attributes:
        name, signal: of the gate.
        event: what is counted, in words.
        trials_champion, events_champion, trials, events: of the champion, and of the challenger.
        rate_champion, rate_challenger: events a trial; None without trials.
        e_worse: evidence that the challenger is worse; None where the gate cannot revert.
        e_not_worse: evidence that it is not worse than the margin; None where the gate has none.
        upper_bound: of the challenger's own rate, valid at every look.
        e_objective, e_champion_objective: evidence that the arm is above the objective; None without one.
        worse, above_objective, champion_above_objective: whether that evidence decides.
        needed: what evidence against the challenger must reach.
        satisfied: whether the gate allows promotion, by this look; one that is not required does where there is little
            evidence against the challenger.
        problem: why this look told it nothing; empty where it did.
    """

    name: str
    signal: str
    event: str
    trials_champion: int
    events_champion: int
    trials: int
    events: int
    rate_champion: float | None
    rate_challenger: float | None
    e_worse: float | None
    e_not_worse: float | None
    upper_bound: float
    e_objective: float | None
    e_champion_objective: float | None
    worse: bool
    above_objective: bool
    champion_above_objective: bool
    needed: float
    satisfied: bool
    problem: str

    def to_json(self) -> dict[str, Any]:
        """The same in plain values."""
        return asdict(self)


class GateEvidence:
    """The evidence of one gate."""

    def __init__(self, policy: Policy, gate: Gate) -> None:
        self.policy, self.gate = policy, gate
        self.total = Pair(Counts(0, 0), Counts(0, 0))
        self.windows = 0
        self.reference = Reference()
        revert, promote = policy.revert_threshold(gate), policy.promote_threshold
        self.needed = revert
        tests, sides = {"drift": (PARTS, 2), "disagreement": (0, 0)}.get(gate.signal, (1, 1))
        self.worse = [Evidence.none(revert) for _ in range(tests)]
        self.in_parts = [Pair(Counts(0, 0), Counts(0, 0)) for _ in range(tests if gate.signal == "drift" else 0)]
        self.not_worse = [Evidence.none(promote) for _ in range(sides if gate.required else 0)]
        self.above = [Evidence.none(revert) for _ in range(0 if gate.objective is None else 2)]

    def look(self, window: Window) -> GateJudgement:
        """Add the evidence of `window`, and say what the gate shows now."""
        pair, self.reference, problem = signals.count(self.gate, self.reference, window)
        if pair is not None:
            problem = self._missing(pair)
        if pair is not None and not problem:
            self._add(pair, signals.parts(self.reference, window) if self.in_parts else [pair])
        return self._judgement(problem)

    def _missing(self, pair: Pair) -> str:
        if pair.challenger.trials == 0:
            return "no requests of the challenger in this look"
        if pair.champion.trials == 0 and self.gate.signal != "disagreement":
            return "no requests of the champion in this look"
        return ""

    def _add(self, pair: Pair, compared: list[Pair]) -> None:
        champion, challenger, margin = pair.champion, pair.challenger, self.gate.margin
        self.windows += 1
        self.total = self.total + pair
        self.in_parts = [total + one for total, one in zip(self.in_parts, compared, strict=False)]
        if margin is None:
            return
        # A new model may predict somewhat differently: only more than the margin counts against it, in any part.
        is_drift = self.gate.signal == "drift"
        null = margin if is_drift else 1.0
        for place, one in enumerate(compared):
            self.worse[place] = compare(self.worse[place], one.challenger, one.champion, null, independent=is_drift)
        arms = [(challenger, champion), (champion, challenger)]
        self.not_worse = [
            compare(evidence, control, suspect, 1.0 / margin)
            for evidence, (suspect, control) in zip(self.not_worse, arms, strict=False)
        ]
        if self.gate.objective is not None:
            self.above = [
                exceed(evidence, counts, self.gate.objective)
                for evidence, counts in zip(self.above, (challenger, champion), strict=True)
            ]

    def _judgement(self, problem: str) -> GateJudgement:
        counted, event = self.total, signals.event(self.gate, self.reference)
        decided = [place for place, evidence in enumerate(self.worse) if evidence.decides]
        if self.in_parts and decided:
            counted, event = self.in_parts[decided[0]], signals.part(self.reference, decided[0])
        champion, challenger = counted.champion, counted.challenger
        bound = float(upper_bound(challenger, self.policy.promote_threshold))
        tolerable = self.gate.tolerance is not None and bound < self.gate.tolerance
        not_worse = bool(self.not_worse) and all(bool(evidence.decides) for evidence in self.not_worse)
        return GateJudgement(
            name=self.gate.name,
            signal=self.gate.signal,
            event=event,
            trials_champion=champion.trials,
            events_champion=champion.events,
            trials=challenger.trials,
            events=challenger.events,
            rate_champion=champion.events / champion.trials if champion.trials else None,
            rate_challenger=challenger.events / challenger.trials if challenger.trials else None,
            e_worse=max((float(evidence.value) for evidence in self.worse), default=None),
            e_not_worse=min((float(evidence.value) for evidence in self.not_worse), default=None),
            upper_bound=bound,
            e_objective=float(self.above[0].value) if self.above else None,
            e_champion_objective=float(self.above[1].value) if self.above else None,
            worse=bool(decided),
            above_objective=bool(self.above) and bool(self.above[0].decides),
            champion_above_objective=bool(self.above) and bool(self.above[1].decides),
            needed=self.needed,
            satisfied=not problem and self.windows >= 2 and (not_worse or tolerable)
            if self.gate.required
            else all(evidence.value < SUSPICION for evidence in self.worse),
            problem=problem,
        )

    def to_json(self) -> dict[str, Any]:
        """The evidence in plain values; floats are exact."""
        return {
            "gate": self.gate.name,
            "windows": self.windows,
            "total": self.total.to_json(),
            "reference": self.reference.to_json(),
            "in_parts": [one.to_json() for one in self.in_parts],
            **{name: [evidence.to_json() for evidence in getattr(self, name)] for name in _EVIDENCE},
        }

    @classmethod
    def from_json(cls, policy: Policy, gate: Gate, state: dict[str, Any]) -> "GateEvidence":
        """What `to_json` gave, under the same policy."""
        made = cls(policy, gate)
        made.windows = int(state["windows"])
        made.total = Pair.from_json(state["total"])
        made.reference = Reference.from_json(state["reference"])
        made.in_parts = [Pair.from_json(one) for one in state["in_parts"]]
        for name in _EVIDENCE:
            begun = zip(getattr(made, name), state[name], strict=True)
            setattr(made, name, [evidence.restored(kept) for evidence, kept in begun])
        return made


_EVIDENCE = ("worse", "not_worse", "above")
