"""What the score of the winner is worth, once the gain from having been chosen is taken off.

The best of many trials is partly the luckiest: its mean over the folds it was chosen by is too good (Varma and Simon,
"Bias in error estimation when using cross-validation for model selection", BMC Bioinformatics 7:91, 2006). `reselected`
chooses anew for each fold by the other folds alone and scores the choice on the fold; the mean of these scores needs no
further training, and each is of a trial that the fold had no say in. (Tsamardinos, Greasidou and Borboudakis,
"Bootstrapping the out-of-sample predictions for efficient and accurate cross-validation", Machine Learning 107, 2018,
do so with bootstrap samples of rows in place of folds; Tibshirani and Tibshirani, "A bias correction for the minimum
error rate in cross-validation", Annals of Applied Statistics 3, 2009, subtract an estimate of the gain.)

Left over: a trial that the stopping rule ended on a fold is not among those that are chosen from for that fold, so that
some luck remains; and the model of each fold was stopped early on the rows that it is scored on.
"""

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from foldline.training.search.definition import HOLD_OUT_FOLD, RESELECTED, Definition
from foldline.training.search.objective import standard_error
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

    Returns:
        `value`, its `standard_error` (sd / sqrt(folds)) and `by_fold`: `trial` and `value` of each; `value` is None for
        fewer than two folds.
    """
    if len(folds) < 2:
        return {"value": None, "standard_error": None, "by_fold": {}}
    by_fold = {}
    for fold in folds:
        others = [other for other in folds if other != fold]
        chosen = max(
            trials,
            key=lambda trial, others=others: (  # type: ignore[misc]
                definition.objective.sign * definition.objective.over([trial.fold_values[other] for other in others]),
                -trial.number,
            ),
        )
        by_fold[str(fold)] = {"trial": chosen.number, "value": chosen.fold_values[fold]}
    values = [one["value"] for one in by_fold.values()]
    return {"value": fmean(values), "standard_error": standard_error(values), "by_fold": by_fold}
