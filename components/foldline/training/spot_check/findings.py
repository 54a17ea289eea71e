"""A spot check's result in sentences and figures."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from foldline.artifacts import Decision
from foldline.training.spot_check.families import DUMMY, AnyFamily
from foldline.training.spot_check.trial import Trial
from foldline.training.spot_check.verdict import LEVEL, Row, Verdict

SUBJECT = "spot_check"
NO_SIGNAL = "no signal"
NOT_COMPARED = "Not compared"


def sentences(verdict: Verdict, trials: Sequence[Trial], titles: Mapping[str, str]) -> list[str]:
    """What the figures say, the deciding sentence first.

    Args:
        titles: of the families, by name.
    """
    best, name = verdict.best, verdict.metric.name
    shown = f"{name} {best.interval.value:.5g}, 95 % interval {best.interval.lower:.5g} to {best.interval.upper:.5g}"
    if not signal(verdict):
        called = _called(best, titles)
        said = [f"No setting is better than the baseline beyond chance; the best mean is that of {called}: {shown}."]
    else:
        said = [f"Best: {_called(best, titles)}: {shown}."]
        ties = [f"{titles[row.trial.family]} ({row.behind:.2g} behind)" for row in verdict.ties]
        others = len(verdict.families) - 1
        if ties:
            few = len(best.trial.scores)
            said.append(
                f"The test cannot tell it from {', '.join(ties)}; from {few} folds it sees only large differences. "
                "Between equals, take the one that is cheapest to train and serve."
            )
        elif others:
            said.append("The best setting of every other family is worse beyond chance.")
    compared = {row.trial.family for row in verdict.rows}
    missing = [titles[family] for family in dict.fromkeys(trial.family for trial in trials) if family not in compared]
    if missing:
        said.append(f"{NOT_COMPARED}, since no setting was fitted on every fold: {', '.join(missing)}. See below why.")
    tried = sum(bool(trial.scores) for trial in trials)
    said.append(
        f"The best of {tried} settings looks better than it is, since the scores that are shown chose it. Chosen on "
        f"the other folds and scored on this one, fold by fold, {name} is {verdict.chosen_elsewhere:.5g}: the choice "
        f"flatters by {verdict.flattery:.2g}. To confirm it, score the setting on rows that had no say: folds of "
        "another seed, or the test rows."
    )
    return said


def signal(verdict: Verdict) -> bool:
    """Whether some setting is better than the baseline beyond chance; so taken where no baseline was fitted."""
    return any(row.beats_dummy is not False for row in verdict.rows if row.trial.family != DUMMY)


def decision(
    verdict: Verdict, trials: Sequence[Trial], families: Sequence[AnyFamily], policy: Mapping[str, Any]
) -> Decision:
    """The sealed form of the result; its verdict is the name of the best family, or `no signal`.

    Args:
        policy: the parameters of the check.
    """
    rows = {id(row.trial): row for row in verdict.rows}
    return Decision(
        subject=SUBJECT,
        verdict=verdict.best.trial.family if signal(verdict) else NO_SIGNAL,
        reasons=tuple(sentences(verdict, trials, {family.name: family.title for family in families})),
        figures={
            "metric": verdict.metric.name,
            "larger_is_better": verdict.metric.larger_is_better,
            "chosen_elsewhere": verdict.chosen_elsewhere,
            "flattery": verdict.flattery,
            "settings": [_figures(trial, rows.get(id(trial))) for trial in trials],
        },
        policy={**policy, "level": LEVEL},
    )


def _called(row: Row, titles: Mapping[str, str]) -> str:
    return f"{titles[row.trial.family]} ({row.trial.setting})"


def _figures(trial: Trial, row: Row | None) -> dict[str, Any]:
    found: dict[str, Any] = {"family": trial.family, "setting": trial.setting, "fault": trial.fault}
    if row is None:
        return found
    names = trial.scores[0].metrics
    return found | {
        "mean": row.interval.value,
        "standard_error": row.standard_error,
        "interval": [row.interval.lower, row.interval.upper],
        "behind": row.behind,
        "p_value": row.p_value,
        "beats_dummy": row.beats_dummy,
        "fit_s": trial.fit_s,
        "training_rows": trial.rows,
        "folds": [score.metrics for score in trial.scores],
        "metrics": {name: float(np.mean(trial.values(name))) for name in names},
    }
