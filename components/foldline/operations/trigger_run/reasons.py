"""Reasons to train again, each with the key that makes two reports of the same thing equal. Pure."""

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from foldline.artifacts import Decision
from foldline.operations.trigger_run.policy import Policy
from foldline.report import number

PERFORMANCE, DRIFT, NEW_ROWS, NEW_DAYS = "performance", "drift", "new-rows", "new-days"
_DAY_S = 86_400.0


@dataclass(frozen=True)
class Labelled:
    """The labelled rows that are newer than the champion's training.

    Attributes:
        rows: their number.
        newest: time of the newest, None where there is none.
        trained_until: time of the newest row that the champion knows, None where nothing says.
    """

    rows: int
    newest: datetime | None
    trained_until: datetime | None

    @property
    def days(self) -> float:
        """From the end of the champion's training to the newest labelled row."""
        if self.newest is None or self.trained_until is None:
            return 0.0
        return max((self.newest - self.trained_until).total_seconds() / _DAY_S, 0.0)


@dataclass(frozen=True)
class Reason:
    """Why a run should start.

    Attributes:
        kind: `performance`, `drift`, `new-rows` or `new-days`.
        key: SHA-256 in hexadecimal over model, version, kind and what happened: the event, or how many times the
            threshold was reached.
        sentence: for people.
        figures: JSON values that it is taken from.
    """

    kind: str
    key: str
    sentence: str
    figures: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        """The fields by name."""
        return asdict(self)


def find(drift: Decision, labelled: Labelled, policy: Policy, model_name: str) -> tuple[Reason, ...]:
    """Every reason that holds, the strongest first.

    Args:
        drift: the decision of detect_drift.
    """
    version = model_version(drift)

    def reason(kind: str, mark: str, sentence: str, figures: dict[str, Any]) -> Reason:
        text = json.dumps([model_name, version, kind, mark])
        return Reason(kind, hashlib.sha256(text.encode()).hexdigest(), sentence, figures)

    found = []
    event = drift.figures["event"]
    if drift.verdict == "drift" and event:
        kind = PERFORMANCE if event["tier"] == PERFORMANCE else DRIFT
        if policy.on_performance if kind == PERFORMANCE else policy.on_drift:
            found.append(reason(kind, event["key"], drift.reasons[0], dict(event)))
    counted = (
        (NEW_ROWS, "labelled rows", labelled.rows, policy.new_rows),
        (NEW_DAYS, "days with labelled rows", labelled.days, policy.new_days),
    )
    for kind, what, count, threshold in counted:
        times = int(count // threshold) if threshold else 0
        if times:
            since = f"{number(count)} {what} since the champion's training"
            sentence = f"{since}; every {number(threshold)} are a reason."
            figures = {"count": count, "threshold": threshold, "times": times}
            found.append(reason(kind, str(times), sentence, figures))
    return tuple(found)


def model_version(drift: Decision) -> str:
    """Version of the model that the decision is about; empty where it is about plain tables."""
    return str(drift.figures["reference"].get("model_version") or "")
