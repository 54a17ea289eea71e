"""The result of a search, put together from its trials."""

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from foldline.artifacts import Task
from foldline.artifacts.search import Search
from foldline.training.search import choice
from foldline.training.search.conduct import NONE
from foldline.training.search.convergence import convergence
from foldline.training.search.definition import Definition
from foldline.training.search.estimate import estimate
from foldline.training.search.importance import importance
from foldline.training.search.objective import standard_error
from foldline.training.search.settings import Settings
from foldline.training.search.trial import TrialRecord


def conclude(
    definition: Definition,
    engine: str,
    trials: Sequence[TrialRecord],
    folds: Sequence[int],
    *,
    task: Task,
    label: str,
    base: Settings,
    fold_fits: int,
    seconds: float,
    held_out: Mapping[str, Any] | None = None,
    engine_facts: Mapping[str, Any] | None = None,
    origin: Mapping[str, str] | None = None,
) -> Search:
    """The search whose trials have ended.

    Args:
        definition: as `capabilities.check` returned it.
        trials: all of them.
        folds: those that trials were scored on, in the order in which they were trained.
        base: what a trial's parameters go into.
        fold_fits: trainings of one trial on one fold, with those of failed trials and of a fold that was held out.
        held_out: `fold`, `value` and `epochs` of the winner on the fold that was held out.

    Raises:
        TrainingError: no trial may be chosen: none has all folds, or none keeps the constraints.
    """
    usable = choice.usable(trials, definition)
    best = usable[0]
    values = list(best.fold_values.values())
    return Search(
        task=task,
        label=label,
        definition=definition.to_json(),
        engine=engine,
        engine_facts=dict(engine_facts or {}),
        base=base.to_json(),
        folds=list(folds),
        trials=[trial.to_json() for trial in sorted(trials, key=lambda trial: trial.number)],
        best={
            "number": best.number,
            "value": best.value(definition),
            "mean": fmean(values),
            "standard_error": standard_error(values) if len(values) > 1 else None,
            "parameters": best.parameters,
        },
        one_standard_error=choice.one_standard_error(usable, definition),
        front=choice.front(usable, definition),
        estimate=estimate(usable, definition, folds, held_out),
        importance=importance(trials, definition, folds),
        convergence=convergence(trials, definition),
        tuned=Settings.of(base, best.parameters).to_json(),
        stopped_between_folds=definition.stopping.rule != NONE,
        fold_fits=fold_fits,
        seconds=seconds,
        origin=dict(origin or {}),
    )
