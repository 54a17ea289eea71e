"""The judge of delayed labels: was the promoted model wrong more often than the champion? Pure.

A request is an error where the predicted class is not the label; of a regression, where the absolute error is above the
champion's 90 % quantile, frozen from its first labelled requests, which are not counted.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from foldline.serving.deploy_canary.judge.evidence import Counts, Evidence, compare, exceed, upper_bound
from foldline.serving.deploy_canary.judge.signals import Pair

# Requests of both arms that were answered within so many seconds of each other are compared with each other.
BLOCK_S = 60.0
QUANTILE, LEAST_FROZEN = 0.9, 100
TESTS = 2


@dataclass(frozen=True)
class Labelled:
    """A request whose label came: who answered (0 champion, 1 challenger), when (seconds since 1970), and the loss: 0
    or 1 for a class, the absolute error for a value."""

    arm: int
    at: float
    loss: float


@dataclass(frozen=True)
class LabelJudgement:
    """`revert` or `hold`, and why, in words with figures."""

    verdict: str
    reason: str


class Labels:
    """Evidence that the promoted challenger is wrong more often than the champion.

    Two tests: requests of both arms while both ran, as the gates compare them; and the challenger's requests since
    promotion against `margin` times an upper bound of the champion's rate of errors.

    Args:
        margin: of the second test, which compares other times.
        threshold: what the evidence of either test must reach.
        is_classification: whether a loss is 0 or 1.
        split_at, split_until: seconds since 1970 between which both arms had requests.
        kept: what `to_json` gave, where a task that was killed left this bake; else empty.
    """

    def __init__(
        self,
        *,
        margin: float,
        threshold: float,
        is_classification: bool,
        split_at: float,
        split_until: float,
        kept: dict[str, Any] | None = None,
    ) -> None:
        self._margin, self._at, self._until = margin, split_at, split_until
        # Half of the second test's part of alpha goes to the bound.
        self._bound = 2.0 * threshold
        self._beside, self._since = Evidence.none(threshold), Evidence.none(self._bound)
        self._limit: float | None = 0.0 if is_classification else None
        self._both = Pair(Counts(0, 0), Counts(0, 0))
        self._champion, self._promoted = Counts(0, 0), Counts(0, 0)
        self.rows, self.digest = 0, ""
        if kept:
            self._beside, self._since = self._beside.restored(kept["beside"]), self._since.restored(kept["since"])
            self._limit, self._both = kept["limit"], Pair.from_json(kept["both"])
            self._champion, self._promoted = Counts(*kept["champion"]), Counts(*kept["promoted"])
            self.rows, self.digest = kept["rows"], kept["digest"]

    def look(self, labelled: Sequence[Labelled], rows: int, digest: str, problem: str) -> LabelJudgement:
        """Add labels that came, and judge.

        Args:
            rows, digest: of the table as far as these labels go.
            problem: why none came, in words.
        """
        if self._limit is None:
            losses = [one.loss for one in labelled if one.arm == 0]
            if len(losses) < LEAST_FROZEN:
                why = problem or f"{len(losses)} of the {LEAST_FROZEN} labels of the champion that its range needs"
                return LabelJudgement("hold", f"labels: no evidence: {why}")
            self._limit, labelled = float(np.quantile(losses, QUANTILE)), ()
        self.rows, self.digest = rows, digest
        self._add(labelled, self._limit)
        if self._beside.decides or self._since.decides:
            return LabelJudgement("revert", f"labels: the promoted model is wrong more often: {self._rates()}")
        total = self._champion.trials and (self._both.challenger.trials or self._promoted.trials)
        if problem or not total:
            return LabelJudgement("hold", f"labels: no evidence: {problem or self._rates()}")
        return LabelJudgement("hold", f"labels: no evidence of more errors: {self._rates()}")

    def _add(self, labelled: Sequence[Labelled], limit: float) -> None:
        split = sorted((one for one in labelled if self._at <= one.at <= self._until), key=lambda one: one.at)
        for _, block in itertools.groupby(split, lambda one: one.at // BLOCK_S):
            listed = list(block)
            pair = Pair(*(_counts((one for one in listed if one.arm == arm), limit) for arm in (0, 1)))
            self._both = self._both + pair
            self._beside = compare(self._beside, pair.challenger, pair.champion, 1.0)
        self._champion = self._champion + _counts(
            (one for one in labelled if one.arm == 0 and one.at <= self._until), limit
        )
        promoted = _counts((one for one in labelled if one.arm == 1 and one.at > self._until), limit)
        self._promoted = self._promoted + promoted
        tolerated = min(self._margin * float(upper_bound(self._champion, self._bound)), 0.999)
        self._since = exceed(self._since, promoted, tolerated)

    def _rates(self) -> str:
        both, promoted, champion = self._both, self._promoted, self._champion
        return (
            f"beside each other {both.challenger.events} of {both.challenger.trials}, champion "
            f"{both.champion.events} of {both.champion.trials}; since promotion {promoted.events} of "
            f"{promoted.trials}, champion before {champion.events} of {champion.trials}"
        )

    def to_json(self) -> dict[str, Any]:
        """The evidence in plain values; floats are exact."""
        return {
            "beside": self._beside.to_json(),
            "since": self._since.to_json(),
            "limit": self._limit,
            "both": self._both.to_json(),
            "champion": [self._champion.trials, self._champion.events],
            "promoted": [self._promoted.trials, self._promoted.events],
            "rows": self.rows,
            "digest": self.digest,
        }


def _counts(labelled: Any, limit: float) -> Counts:
    losses = [one.loss for one in labelled]
    return Counts(len(losses), sum(loss > limit for loss in losses))
