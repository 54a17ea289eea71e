"""The judge of a bake: the challenger has all requests, so its own rates are held against what is tolerable. Pure."""

from dataclasses import dataclass
from typing import Any

from foldline.serving.deploy_canary.gate import Gate
from foldline.serving.deploy_canary.judge import signals, windows
from foldline.serving.deploy_canary.judge.evidence import Counts, Evidence, exceed
from foldline.serving.deploy_canary.judge.labels import TESTS
from foldline.serving.deploy_canary.judge.signals import Reference
from foldline.serving.deploy_canary.policy import Policy
from foldline.serving.reading import Reading


@dataclass(frozen=True)
class BakeJudgement:
    """What one look at a bake says: `revert` or `hold`, and why.

    Attributes:
        used: whether this look was evidence of anything.
        blind: whether no look was, though there are gates to hold the challenger against.
    """

    verdict: str
    reasons: tuple[str, ...]
    used: bool
    blind: bool


class Bake:
    """Collects evidence that the challenger's own rates are above what each gate tolerates.

    A rate that the split has shown to be no worse than the champion's may be above the tolerance, so twice the
    champion's rate in the split is tolerated too; all gates share alpha.

    Args:
        judged: the last Judgement of the split, in plain values.
        judge: the state of its judge, which knows the champion's frozen range; empty where there was no split.
        kept: what `to_json` gave, where a task that was killed left this bake; else empty.
    """

    def __init__(
        self, policy: Policy, judged: dict[str, Any], judge: dict[str, Any], kept: dict[str, Any] | None = None
    ) -> None:
        self._watched: list[tuple[Gate, Reference, float]] = []
        for position, gate in enumerate(policy.gates):
            seen = judged["gates"][position] if judged else {}
            limit = _limit(gate, seen.get("rate_champion"))
            if limit is not None and gate.signal not in ("drift", "disagreement"):
                frozen = judge["gates"][position]["reference"] if judge else Reference().to_json()
                self._watched.append((gate, Reference.from_json(frozen), limit))
        # The labels' tests share alpha with the gates.
        self.threshold = max(1, len(self._watched) + (TESTS if policy.feedback else 0)) / policy.alpha
        self._evidence = [Evidence.none(self.threshold) for _ in self._watched]
        self._total = [Counts(0, 0) for _ in self._watched]
        if kept:
            begun = zip(self._evidence, kept["evidence"], strict=True)
            self._evidence = [evidence.restored(one) for evidence, one in begun]
            self._total = [Counts(*total) for total in kept["total"]]

    def to_json(self) -> dict[str, Any]:
        """The evidence in plain values; floats are exact."""
        return {
            "evidence": [evidence.to_json() for evidence in self._evidence],
            "total": [[total.trials, total.events] for total in self._total],
        }

    def look(self, before: Reading, after: Reading) -> BakeJudgement:
        """Add what happened between two readings, and judge."""
        window, used = windows.between(before, after), False
        worse: list[str] = []
        seen: list[str] = []
        for position, (gate, reference, limit) in enumerate(self._watched):
            pair, _, problem = signals.count(gate, reference, window)
            if pair is None or pair.challenger.trials == 0:
                seen.append(f"{gate.name}: no evidence in this look: {problem or 'no requests'}")
                continue
            used = True
            self._evidence[position] = exceed(self._evidence[position], pair.challenger, limit)
            self._total[position] += pair.challenger
            total = self._total[position]
            said = f"{gate.name}: {total.events} of {total.trials} since promotion, at most {limit:.3%} tolerated"
            (worse if self._evidence[position].decides else seen).append(said)
        blind = bool(self._watched) and not any(total.trials for total in self._total)
        if not self._watched:
            seen.append("no gate has a tolerance or an objective that the challenger alone could be held against")
        return BakeJudgement("revert" if worse else "hold", tuple(worse or seen), used, blind)


def _limit(gate: Gate, champion: float | None) -> float | None:
    stated = [value for value in (gate.tolerance, gate.objective) if value is not None]
    if not stated:
        return None
    return min(max([*stated, *([2.0 * champion] if champion else [])]), 0.999)
