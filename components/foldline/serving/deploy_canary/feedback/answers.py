"""Which arm answered a request and what it said, from the lines of the servers' logs. Pure."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from foldline.artifacts import Task
from foldline.serving.server.events import RESPONSE
from foldline.serving.server.recent import said

# The oldest requests are forgotten.
MOST_REQUESTS = 500_000
CHAMPION, CHALLENGER = 0, 1


@dataclass(frozen=True)
class Answered:
    """One arm's answer to one request.

    Attributes:
        at: seconds since 1970.
        said: the class's index or the value; None where it had several rows, or came more than once.
    """

    at: float
    said: float | None


class Answers:
    """Answers of both arms by the identity of the request.

    Args:
        versions: of the champion and of the challenger.
    """

    def __init__(self, model_name: str, versions: tuple[str, str], task: Task) -> None:
        self._model_name, self._versions, self._task = model_name, versions, task
        self._found: dict[str, list[Answered | None]] = {}

    def add(self, line: bytes) -> None:
        """Take one event of a log; what is no answer of either arm is passed over."""
        try:
            event = json.loads(line)
            if event["type"] != RESPONSE or event["modelname"] != self._model_name:
                return
            arm = self._versions.index(event["modelversion"])
            at = datetime.fromisoformat(event["time"]).timestamp()
            predictions = said(self._task, _predictions(event["data"], self._task))
            identity = str(event["id"])
        except (KeyError, TypeError, ValueError):
            return
        arms = self._found.setdefault(identity, [None, None])
        # Of an identity that one arm has twice nobody knows which answer is meant.
        alone = arms[arm] is None and len(predictions) == 1
        arms[arm] = Answered(at, predictions[0] if alone else None)
        if len(self._found) > MOST_REQUESTS:
            del self._found[next(iter(self._found))]

    def of(self, identity: str) -> tuple[Answered | None, Answered | None]:
        """The champion's and the challenger's answer; None where the arm gave none."""
        champion, challenger = self._found.get(identity, (None, None))
        return champion, challenger

    def user_got(self, identity: str) -> tuple[int, Answered] | None:
        """The arm whose answer the user got; where both answered, the challenger's was to a copy."""
        for arm, answered in enumerate(self.of(identity)):
            if answered is not None:
                return arm, answered
        return None


def _predictions(data: dict[str, Any], task: Task) -> np.ndarray:
    """Of the protocols V1 and V2; shape (n_rows, n_outputs)."""
    if "predictions" in data:
        return np.asarray(data["predictions"], np.float32).reshape(-1, task.outputs)
    (output,) = data["outputs"]
    return np.asarray(output["data"], np.float32).reshape(output["shape"])
