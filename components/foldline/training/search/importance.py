"""Which parameters decide whether a trial is among the best.

Watanabe, Bansal and Hutter, "PED-ANOVA: efficiently quantifying hyperparameter importance in arbitrary subspaces",
IJCAI 2023, as Optuna has it, which allows for conditional parameters: by how much the values of the best trials are
spread otherwise than those of all. It is computed from the records of trials, so that it does not matter which engine
made them.
"""

import warnings
from collections.abc import Sequence
from typing import Any

import optuna

from foldline.training.search.definition import Definition
from foldline.training.search.distributions import distributions, given
from foldline.training.search.trial import TrialRecord

METHOD = "PED-ANOVA"
FEWEST_TRIALS = 10
# Of so many trials the best are compared with all, or a tenth where that is more.
BEST_TRIALS = 5


def importance(trials: Sequence[TrialRecord], definition: Definition, folds: Sequence[int]) -> dict[str, Any]:
    """The importance of each parameter; see `foldline.artifacts.search.Search`.

    Trials that were stopped count too: values are compared over the folds that all of them have. Points that were asked
    for again count once.

    Args:
        trials: all of a search.
        folds: in the order in which they were trained.

    Returns:
        `method`, `values` by parameter, the largest first, `trials`, and `folds` that they were compared over. Of fewer
        than 10 trials, and of equal scores, there are no values.
    """
    told = [trial for trial in trials if folds[0] in trial.fold_values and trial.same_as is None]
    shared = [fold for fold in folds if all(fold in trial.fold_values for trial in told)]
    found: dict[str, Any] = {"method": METHOD, "trials": len(told), "folds": shared, "values": {}}
    scores = [definition.objective.over([trial.fold_values[fold] for fold in shared]) for trial in told]
    if len(told) < FEWEST_TRIALS or max(scores) == min(scores):
        return found
    return found | {"values": _values(told, scores, definition)}


def _values(trials: Sequence[TrialRecord], scores: Sequence[float], definition: Definition) -> dict[str, float]:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize" if definition.objective.sign > 0 else "minimize")
    for trial, score in zip(trials, scores, strict=True):
        study.add_trial(
            optuna.trial.create_trial(
                params=given(trial.parameters, definition.space),
                distributions=distributions(trial.parameters, definition.space),
                value=score,
            )
        )
    best = min(max(0.1, BEST_TRIALS / len(trials)), 0.5)
    evaluator = optuna.importance.PedAnovaImportanceEvaluator(target_quantile=best)
    with warnings.catch_warnings():
        # A condition that only one trial meets adds nothing.
        warnings.filterwarnings("ignore", message="Some regimes for parameter")
        shares = optuna.importance.get_param_importances(study, evaluator=evaluator)
    ordered = sorted(definition.space.names, key=lambda name: (-shares.get(name, 0.0), name))
    return {name: float(shares.get(name, 0.0)) for name in ordered}
