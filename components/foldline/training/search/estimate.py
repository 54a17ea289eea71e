"""What the score of the winner is worth, once the gain from having been chosen is taken off.

The best of many trials is partly the luckiest: its mean over the folds it was chosen by is too good (Varma and Simon,
"Bias in error estimation when using cross-validation for model selection", BMC Bioinformatics 7:91, 2006). `reselected`
chooses anew for each fold by the other folds alone and scores the choice on the fold; the mean of these scores needs no
further training, and each is of a trial that the fold had no say in. (Tsamardinos, Greasidou and Borboudakis,
"Bootstrapping the out-of-sample predictions for efficient and accurate cross-validation", Machine Learning 107, 2018,
do so with bootstrap samples of rows in place of folds; Tibshirani and Tibshirani, "A bias correction for the minimum
error rate in cross-validation", Annals of Applied Statistics 3, 2009, subtract an estimate of the gain.)

Where a rule stops trials between folds, a trial that had bad luck on a fold is not among those that are chosen from for
that fold, and the score of the others on it is too good. So only the folds that the rule never asks about count there:
those after its last comparison. That is a fold or two, so the estimate is then honest but rough. `over_all_folds` is
the precise one that still promises too much.

Left over in both: a sampler that learns carries the luck of a fold on to points like the lucky one, and the models of a
fold were stopped early on the rows that they are scored on. A fold that is held out has neither.
"""

import math
from collections.abc import Mapping, Sequence
from statistics import fmean, stdev
from typing import Any

from foldline.training.search.conduct import HALVING, WORST_FOLD, Stopping
from foldline.training.search.definition import HOLD_OUT_FOLD, RESELECTED, Definition
from foldline.training.search.stopping import rungs
from foldline.training.search.trial import TrialRecord


def estimate(
    trials: Sequence[TrialRecord], definition: Definition, folds: Sequence[int], held_out: Mapping[str, Any] | None
) -> dict[str, Any]:
    """The estimate that the definition asks for; see `foldline.artifacts.search.Search`.

    Args:
        trials: as `choice.usable` gives them.
        folds: those that trials were chosen by.
        held_out: `fold`, `value` and `epochs` of the winner on the fold that took no part; None where there is none.
    """
    selection = fmean(trials[0].fold_values.values())
    found: dict[str, Any] = {"selection_score": selection}
    if definition.estimate == HOLD_OUT_FOLD:
        found |= {"method": HOLD_OUT_FOLD, "value": None, **(held_out or {})}
    else:
        found |= {"method": RESELECTED, **reselected(trials, definition, folds)}
    value = found["value"]
    optimism = None if value is None else definition.objective.sign * (selection - value)
    return found | {"optimism": optimism}


def reselected(trials: Sequence[TrialRecord], definition: Definition, folds: Sequence[int]) -> dict[str, Any]:
    """The mean over folds of the score of the trial that the other folds choose.

    Args:
        trials: each has all of `folds`.
        folds: in the order in which they were trained.

    Returns:
        `value`; its `standard_error`: sd of a fold's score / sqrt(folds that count); `by_fold`: `trial` and `value` of
        each fold that counts; `over_all_folds`: the mean over all folds, whether they count or not. All are None for
        fewer than two folds.
    """
    if len(folds) < 2:
        return {"value": None, "standard_error": None, "over_all_folds": None, "by_fold": {}}
    scored = {fold: _chosen_by_others(trials, definition, folds, fold) for fold in folds}
    values = {fold: trial.fold_values[fold] for fold, trial in scored.items()}
    counting = folds_never_asked_about(definition.stopping, folds)
    return {
        "value": fmean(values[fold] for fold in counting),
        "standard_error": stdev(values.values()) / math.sqrt(len(counting)),
        "over_all_folds": fmean(values.values()),
        "by_fold": {str(fold): {"trial": scored[fold].number, "value": values[fold]} for fold in counting},
    }


def folds_never_asked_about(stopping: Stopping, folds: Sequence[int]) -> list[int]:
    """The folds that stopped no trial; at least the last one."""
    if stopping.rule == HALVING:
        return list(folds[max(rungs(len(folds), stopping.eta)) :])
    return list(folds[-1:]) if stopping.rule == WORST_FOLD else list(folds)


def _chosen_by_others(
    trials: Sequence[TrialRecord], definition: Definition, folds: Sequence[int], fold: int
) -> TrialRecord:
    objective, others = definition.objective, [other for other in folds if other != fold]

    def goodness(trial: TrialRecord) -> tuple[float, int]:
        return objective.sign * objective.over([trial.fold_values[other] for other in others]), -trial.number

    return max(trials, key=goodness)
