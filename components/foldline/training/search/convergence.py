"""How the best of a search came about."""

from collections.abc import Sequence
from typing import Any

from foldline.training.search.choice import rank
from foldline.training.search.definition import Definition
from foldline.training.search.trial import COMPLETED, TrialRecord


def convergence(trials: Sequence[TrialRecord], definition: Definition) -> list[dict[str, Any]]:
    """For each completed trial in the order in which they ended: `trial`, `fold_fits` of all trials until then,
    `value`, and `best`, the value of the best that keeps the constraints so far (None where there is none yet)."""
    found: list[dict[str, Any]] = []
    fold_fits, best = 0, None
    for trial in sorted(trials, key=lambda one: (one.ended, one.number)):
        fold_fits += 0 if trial.same_as is not None else len(trial.fold_values)
        if trial.state != COMPLETED:
            continue
        value = trial.value(definition)
        keeps = rank(trial, definition)[0] == 0.0
        if keeps and (best is None or definition.objective.better(value, best)):
            best = value
        found.append({"trial": trial.number, "fold_fits": fold_fits, "value": value, "best": best})
    return found
