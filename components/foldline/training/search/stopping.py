"""Which trials go on to their next fold: rules between folds, from what is known when they are asked."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Self

HALVING, WORST_FOLD, NONE = "halving", "worst_fold", "none"
# How far from allowed, and the value with the sign that makes lower better: compared in this order.
Rank = tuple[float, float]


@dataclass(frozen=True)
class Course:
    """How a trial has done so far.

    Attributes:
        ranks: after each of its folds, in the order in which all trials have them, the rank of their mean.
        worst: the value of its worst fold, lower is better.
        bracket: trials are compared with those of the same bracket only.
        order: of trials with equal ranks the lower one is taken for better.
    """

    ranks: tuple[Rank, ...]
    worst: float
    bracket: int = 0
    order: int = 0

    @classmethod
    def of(cls, values: Sequence[float], *, maximize: bool) -> Self:
        """The course of a search without constraints.

        Args:
            values: of each fold, in the order in which all trials have them.
        """
        signed = [-value if maximize else value for value in values]
        means = [total / count for count, total in enumerate(accumulate(signed), start=1)]
        return cls(tuple((0.0, mean) for mean in means), max(signed, default=float("inf")))

    def after(self, folds: int) -> Rank:
        """Its rank after so many folds."""
        return self.ranks[folds - 1]


def goes_on(rule: str, own: Course, others: Sequence[Course], *, n_folds: int, eta: int = 2) -> bool:
    """Whether a trial goes on to its next fold.

    `halving`: successive halving with the folds as resource (Jamieson and Talwalkar, "Non-stochastic best arm
    identification and hyperparameter optimization", AISTATS 2016), asked without waiting for others as in Li et al.,
    "A system for massively parallel hyperparameter tuning", MLSys 2020. A rung lies after 1, eta, eta ** 2 ... folds,
    those of bracket b after eta ** b and more. The trial must be in the best 1/eta of all that have been there; the
    best of them always goes on.
    `worst_fold`: it stops where its mean is worse than the worst fold of the best trial that has all folds (Bergman,
    Purucker and Hutter, "Don't waste your time: early stopping cross-validation", AutoML 2024).
    `none`: it goes on.

    Args:
        own: after at least one fold.
        others: every other trial that has a fold, finished or not.
    """
    done = len(own.ranks)
    if rule == HALVING and done in rungs(n_folds, eta, own.bracket):
        met = [other for other in others if other.bracket == own.bracket and len(other.ranks) >= done]
        better = sum((other.after(done), other.order) < (own.after(done), own.order) for other in met)
        return better < max(1, (len(met) + 1) // eta)
    if rule == WORST_FOLD:
        whole = [other for other in others if len(other.ranks) == n_folds]
        if whole:
            best = min(whole, key=lambda other: other.ranks[-1])
            return own.after(done) <= (best.ranks[-1][0], best.worst)
    return True


def rungs(n_folds: int, eta: int, bracket: int = 0) -> list[int]:
    """Numbers of folds after which trials of a bracket are compared."""
    found, folds = [], eta**bracket
    while folds < n_folds:
        found.append(folds)
        folds *= eta
    return found


def brackets(n_folds: int, eta: int) -> int:
    """Number of brackets of Hyperband (Li et al., JMLR 2018) with folds as resource: the last one never stops."""
    return len(rungs(n_folds, eta)) + 1
