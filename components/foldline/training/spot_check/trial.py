"""Every setting of every family tried on every fold, in processes beside each other, within a time for each family."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain

import numpy as np

from foldline.evaluation.metrics import primary_metric
from foldline.training.spot_check.families import AnyFamily
from foldline.training.spot_check.problem import Problem, Score
from foldline.training.spot_check.workers import Ended, Workers

OUT_OF_TIME = "out of time"


@dataclass
class Trial:
    """One setting of a family.

    Attributes:
        scores: one of each fold, in their order; empty where it was not fitted on all of them.
        fault: why, in words; empty where it was.
    """

    family: str
    setting: str
    scores: list[Score] = field(default_factory=list)
    fault: str = ""

    @property
    def rows(self) -> int:
        """Mean number of training rows of a fold's model."""
        return round(float(np.mean([score.rows for score in self.scores])))

    @property
    def fit_s(self) -> float:
        """Seconds of the fits of all folds together."""
        return sum(score.fit_s for score in self.scores)

    def values(self, metric: str) -> list[float]:
        return [score.metrics[metric] for score in self.scores]


def try_families(
    families: Sequence[AnyFamily],
    problem: Problem,
    *,
    budget_s: float,
    processors: int,
    say: Callable[[str], None] = print,
) -> list[Trial]:
    """Fit and score every setting, families one after another.

    Args:
        budget_s: seconds for a family; a setting whose folds are not all fitted by then is left out.
        processors: pieces of work at once.
        say: takes a line for each setting.
    """
    trials = []
    metric = primary_metric(problem.task).name
    at_once = min(processors, max(len(problem.folds) * len(family.settings) for family in families))
    threads = processors // at_once
    with Workers(threads) as workers:
        for number, family in enumerate(families, start=1):
            started = time.monotonic()
            own = [Trial(family.name, setting) for setting in family.settings]
            pieces = [family.work(problem, setting, threads) for setting in family.settings]
            ended = workers.run(list(chain(*pieces)), family.at_once or at_once, started + budget_s)
            for trial, done in _concluded(own, [len(piece) for piece in pieces], ended):
                spent = time.monotonic() - started
                left = min(budget_s - spent, spent / done - spent)
                later = left + budget_s * (len(families) - number)
                said = trial.fault or f"{metric} {np.mean(trial.values(metric)):.5g}, fits {trial.fit_s:.1f} s"
                say(
                    f"{family.name}, {trial.setting}: {said}; {left:.0f} s left, {later:.0f} s at most for all families"
                )
            for trial in own:
                if not trial.scores and not trial.fault:
                    trial.fault = f"{OUT_OF_TIME}: not fitted on every fold within {budget_s:g} s for the family"
                    say(f"{family.name}, {trial.setting}: {trial.fault}")
            trials += own
    return trials


def _concluded(trials: list[Trial], pieces: list[int], ended: Iterable[Ended]) -> Iterator[tuple[Trial, float]]:
    """The trials whose pieces of work have all ended, and the share of all work that had ended by then."""
    owner = np.repeat(np.arange(len(trials)), pieces)
    found: dict[int, Ended] = {}
    for one in ended:
        found[one.number] = one
        own = np.flatnonzero(owner == owner[one.number]).tolist()
        if all(number in found for number in own):
            trial = trials[owner[one.number]]
            faults = [found[number].fault for number in own if found[number].fault]
            if faults:
                trial.fault = faults[0]
            else:
                trial.scores = list(chain(*(found[number].value for number in own)))
            yield trial, len(found) / len(owner)
