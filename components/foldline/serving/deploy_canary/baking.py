"""What watches a bake: the challenger's own counters, and the labels where the policy says where they are."""

from typing import Any

from foldline.serving.deploy_canary.feedback.source import Feedback
from foldline.serving.deploy_canary.judge.bake import Bake, BakeJudgement
from foldline.serving.deploy_canary.judge.labels import Labels
from foldline.serving.deploy_canary.policy import Policy
from foldline.serving.deploy_canary.rollout.record import Record
from foldline.serving.reading import Reading


class Baking:
    """The bake of one rollout, from where its record stands."""

    def __init__(self, policy: Policy, record: Record, feedback: Feedback | None) -> None:
        self._feedback = feedback
        self._counted = Bake(policy, record.judged, record.judge, record.bake)
        self._labels: Labels | None = None
        if feedback is not None:
            self._labels = Labels(
                margin=feedback.settings.margin,
                threshold=self._counted.threshold,
                is_classification=feedback.is_classification,
                split_at=record.split_at,
                split_until=record.split_until,
                kept=record.bake.get("labels"),
            )

    def look(self, before: Reading, after: Reading) -> BakeJudgement:
        """Add what happened between two readings, and the labels that came; either may revert."""
        counted = self._counted.look(before, after)
        if self._labels is None or self._feedback is None:
            return counted
        joined = self._feedback.labelled(self._labels.rows, self._labels.digest)
        labelled = self._labels.look(joined.answered, joined.rows, joined.digest, joined.problem)
        reasons = {counted.verdict: [*counted.reasons]}
        reasons.setdefault(labelled.verdict, []).append(labelled.reason)
        verdict = "revert" if "revert" in reasons else "hold"
        return BakeJudgement(verdict, tuple(reasons[verdict]), counted.used, counted.blind)

    def to_json(self) -> dict[str, Any]:
        """The evidence in plain values."""
        labels = {"labels": self._labels.to_json()} if self._labels is not None else {}
        return self._counted.to_json() | labels
