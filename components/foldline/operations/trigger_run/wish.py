"""A run that should start. Pure."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from foldline.operations.trigger_run.guards import Guard
from foldline.operations.trigger_run.policy import Policy
from foldline.operations.trigger_run.reasons import Reason


@dataclass(frozen=True)
class Wish:
    """A run that should start.

    Attributes:
        reasons: not empty, the strongest first.
        judged: version that they are about, empty for none.
        data: the guard of the data, which passes.
        parameters: of the run.
        now: time of the decision; aware.
    """

    model_name: str
    reasons: tuple[Reason, ...]
    judged: str
    data: Guard
    parameters: dict[str, Any]
    policy: Policy
    now: datetime
