"""Which trial is chosen.

The best is the one with the best objective among those that have all folds and keep every constraint. The one-standard-
error choice is the simplest of those whose objective is within one standard error of it (Breiman, Friedman, Olshen and
Stone, "Classification and regression trees", 1984, section 3.4.3; Hastie, Tibshirani and Friedman, "The elements of
statistical learning", 2009, section 7.10): differences that small are noise of the folds. Simplest is the one with the
fewest weights where trials record `parameters`, else the one that trains a fold in the fewest seconds.
"""

import math
from collections.abc import Sequence
from statistics import fmean
from typing import Any

from foldline.errors import TrainingError
from foldline.training.search.definition import Definition
from foldline.training.search.objective import PARAMETERS, SECONDS, Constraint, standard_error
from foldline.training.search.trial import COMPLETED, FAILED, TrialRecord


def rank(trial: TrialRecord, definition: Definition) -> tuple[float, float]:
    """A key that is lower for a better trial: by how much constraints are broken, in all; and the objective, signed.

    Both are over the folds that the trial has; infinite where it has none.
    """
    broken = sum(max(0.0, _excess(trial, one, definition)) for one in definition.constraints)
    if not trial.fold_values:
        return math.inf, math.inf
    return broken, -definition.objective.sign * trial.value(definition)


def usable(trials: Sequence[TrialRecord], definition: Definition) -> list[TrialRecord]:
    """The trials that may be chosen: those with all folds that keep every constraint, the best first.

    Raises:
        TrainingError: there are none.
    """
    completed = [trial for trial in trials if trial.state == COMPLETED]
    if not completed:
        failed = [trial for trial in trials if trial.state == FAILED]
        said = f"; the last failure: {failed[-1].failure}, {failed[-1].message}" if failed else ""
        raise TrainingError(
            "the search",
            expected="a trial that was trained on all folds",
            got=f"none of {len(trials)}, of which {len(failed)} failed{said}",
            fix="Give it more time, or mend what fails.",
        )
    ranks = {trial.number: rank(trial, definition) for trial in completed}
    ordered = sorted(completed, key=lambda trial: (*ranks[trial.number], trial.number))
    found = [trial for trial in ordered if ranks[trial.number][0] == 0.0]
    if not found:
        nearest = ordered[0]
        values = {one.metric: _told(nearest, one.metric, definition) for one in definition.constraints}
        raise TrainingError(
            "the search",
            expected=f"a trial that keeps {[one.to_json() for one in definition.constraints]}",
            got=f"none of {len(completed)}; the nearest, trial {nearest.number}, has {values}",
            fix="Loosen the constraints or widen the space.",
        )
    return found


def one_standard_error(trials: Sequence[TrialRecord], definition: Definition) -> dict[str, Any]:
    """The simplest trial within one standard error of the best; see `foldline.artifacts.search.Search`.

    Args:
        trials: as `usable` gives them.
    """
    best, sign = trials[0], definition.objective.sign
    values = list(best.fold_values.values())
    error = standard_error(values) if len(values) > 1 else 0.0
    bound = sign * best.value(definition) - error
    near = [trial for trial in trials if sign * trial.value(definition) >= bound and trial.same_as is None]
    measure = PARAMETERS if all(PARAMETERS in trial.other_values for trial in near) else SECONDS
    chosen = min(near, key=lambda trial: (_size(trial, measure), rank(trial, definition), trial.number))
    return {
        "number": chosen.number,
        "value": chosen.value(definition),
        "parameters": chosen.parameters,
        "bound": sign * bound,
        "measure": measure,
        "size": _size(chosen, measure),
        "size_of_best": _size(best, measure),
    }


def beside(trial: TrialRecord, best: TrialRecord, definition: Definition) -> float:
    """The objective of a trial as it compares with the best.

    Its own where it has all folds that the best has; else that of the best and how far apart the two are on the folds
    that the trial has, since one fold may be harder than another.
    """
    if set(trial.fold_values) >= set(best.fold_values):
        return trial.value(definition)
    own = fmean(trial.fold_values.values())
    return best.value(definition) + own - fmean(best.fold_values[fold] for fold in trial.fold_values)


def front(trials: Sequence[TrialRecord], definition: Definition) -> list[int]:
    """Numbers of the trials that no other beats in one objective without being worse in another; empty where there is
    one objective.

    Args:
        trials: as `usable` gives them.
    """
    if not definition.further_objectives:
        return []
    points = {trial.number: _losses(trial, definition) for trial in trials}

    def beaten(own: tuple[float, ...]) -> bool:
        return any(other != own and all(a <= b for a, b in zip(other, own, strict=True)) for other in points.values())

    return sorted(number for number, own in points.items() if not beaten(own))


def _losses(trial: TrialRecord, definition: Definition) -> tuple[float, ...]:
    further = [-one.sign * fmean(_values(trial, one.metric, definition)) for one in definition.further_objectives]
    return (-definition.objective.sign * trial.value(definition), *further)


def _excess(trial: TrialRecord, constraint: Constraint, definition: Definition) -> float:
    values = _values(trial, constraint.metric, definition)
    return constraint.excess(values) if values else math.inf


def _values(trial: TrialRecord, metric: str, definition: Definition) -> list[float]:
    of_fold = trial.fold_values if metric == definition.objective.metric else trial.other_values.get(metric, {})
    return list(of_fold.values())


def _told(trial: TrialRecord, metric: str, definition: Definition) -> str:
    values = _values(trial, metric, definition)
    return f"{fmean(values):.4g}" if values else "nothing"


def _size(trial: TrialRecord, measure: str) -> float:
    if measure == PARAMETERS:
        return fmean(trial.other_values[PARAMETERS].values())
    return trial.seconds / len(trial.fold_values)
