"""Stands in for the processes of a search: scores by a formula, and ends the search where a test says so."""

import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from foldline.training.search.capabilities import OPTUNA, check
from foldline.training.search.definition import Definition
from foldline.training.search.fold_result import FoldResult
from foldline.training.search.settings import Settings
from foldline.training.tune_hyperparameters.ending import Ending
from foldline.training.tune_hyperparameters.journal import State
from foldline.training.tune_hyperparameters.pool import Reply, Request
from foldline.training.tune_hyperparameters.rungs import Rungs
from foldline.training.tune_hyperparameters.study import Study

FOLDS = (0, 1, 2, 3, 4)


class KilledError(Exception):
    """The process that searches is gone."""


class Formula:
    """Answers as the processes do.

    Args:
        score: of hyperparameters and a fold: a value, or a whole result.
        answers: after so many the search is killed; None for never.
    """

    places = 1

    def __init__(self, score: Callable[[dict[str, Any], int], float | FoldResult], answers: int | None = None) -> None:
        self._score, self._left = score, answers
        self.trained: list[tuple[str, int]] = []

    def replies(self, requests: Sequence[Request], ended: Callable[[], bool]) -> Iterator[Reply]:
        for number, request in enumerate(requests):
            if ended():
                return
            points = request.content["points"]
            if request.content["do"] == "together":
                yield Reply(number, {"groups": [[index] for index in range(len(points))]}, "here", 0.0)
                continue
            if self._left is not None:
                self._left -= 1
                if self._left < 0:
                    raise KilledError
            results = [self._result(point, request.content["fold"]) for point in points]
            yield Reply(number, {"results": results}, "here", float(len(points)))

    def _result(self, point: dict[str, Any], fold: int) -> dict[str, Any]:
        self.trained.append((str(sorted(point["hyperparameters"].items())), fold))
        found = self._score(point["hyperparameters"], fold)
        return (found if isinstance(found, FoldResult) else FoldResult(found, seconds=1.0)).to_json()


def defined(**given: Any) -> Definition:
    """A definition by roc_auc, settled for this engine."""
    document = {"space": {"x": {"type": "float", "low": 0, "high": 1}}, "objective": {"metric": "roc_auc"}} | given
    return check(Definition.parse(document), OPTUNA)


def search(folder: Path, definition: Definition, pool: Formula, limit_s: float = 0.0, earlier: Any = ()) -> Study:
    """Search with the journal in `folder`; goes on where there is one."""
    state = State(str(folder), "search", {})
    try:
        study = Study(state, definition, FOLDS, earlier)
        with Ending(limit_s, study.seconds) as ending:
            Rungs(study, pool, Settings(), ending, state.send, lambda line: None).run()  # type: ignore[arg-type]
        return study
    finally:
        state.close()


def noisy(point: dict[str, Any], fold: int) -> float:
    """A hill at x = 0.7, the folds of which differ."""
    source = random.Random(f"{sorted(point.items())} {fold}")
    number = sum(value for value in point.values() if isinstance(value, float | int)) / max(len(point), 1)
    return 0.9 - (number - 0.7) ** 2 + 0.02 * fold + source.gauss(0.0, 0.01)
