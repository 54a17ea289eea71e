"""Families of models and the settings of each that a spot check tries."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

from foldline.errors import ArgumentError
from foldline.training.spot_check import estimators
from foldline.training.spot_check.designs import Design, codes, frequent_one_hot, one_hot
from foldline.training.spot_check.perceptron import fit_folds
from foldline.training.spot_check.problem import Problem, Score

DUMMY = "dummy"

# What a process is given to do; it answers with the scores of the folds that it fitted, in their order.
Work = Callable[[], list[Score]]


@dataclass(frozen=True)
class Family:
    """Models of one kind.

    Attributes:
        title: the kind in words.
        settings: for the name of each setting what makes its estimator.
        design: how its estimators see the features.
        sampled: whether its cost grows faster than the rows, so that it gets a sample of them.
        at_once: pieces of work that may be done beside each other; 0: as many as there are processors.
    """

    name: str
    title: str
    settings: dict[str, estimators.Make]
    design: Design = codes
    sampled: bool = False
    at_once: ClassVar[int] = 0

    def work(self, problem: Problem, setting: str, threads: int) -> list[Work]:
        """A piece of work for each fold."""
        make = self.settings[setting]
        return [
            partial(estimators.fit_fold, problem, index, make, self.design, self.sampled, threads)
            for index in range(len(problem.folds))
        ]


@dataclass(frozen=True)
class StackedFamily:
    """Keras models whose folds are trained as one program; `settings` are hyperparameters of the default model."""

    name: str
    title: str
    settings: dict[str, dict[str, Any]]
    sampled: ClassVar[bool] = False
    at_once: ClassVar[int] = 1

    def work(self, problem: Problem, setting: str, threads: int) -> list[Work]:
        """One piece of work for all folds; it uses whatever device and threads JAX finds."""
        return [partial(fit_folds, problem, self.settings[setting])]


AnyFamily = Family | StackedFamily


def families(kind: str) -> tuple[AnyFamily, ...]:
    """All families, in the order in which they are tried.

    Args:
        kind: of the task, as `Task.kind`.
    """
    constants = {"mean": "mean", "median": "median"} if kind == "regression" else {"shares of the classes": ""}
    return (
        Family(
            DUMMY,
            "constant baseline",
            {name: partial(estimators.dummy, constant=value) for name, value in constants.items()},
        ),
        Family(
            "linear",
            "ridge regression" if kind == "regression" else "logistic regression",
            {
                f"penalty {penalty:g}": partial(estimators.linear, penalty=penalty)
                for penalty in (1.0, 0.1, 0.01, 1e-3, 1e-4)
            },
            one_hot,
        ),
        Family(
            "forest",
            "forest of trees",
            {
                f"{'extra trees' if extra else 'random forest'}, {leaf} rows a leaf": partial(
                    estimators.forest, leaf=leaf, extra=extra
                )
                for leaf in (30, 3)
                for extra in (True, False)
            },
        ),
        Family(
            "boosting",
            "gradient boosting",
            {
                f"{leaves} leaves, rate {rate:g}, {rounds} rounds": partial(
                    estimators.boosting, leaves=leaves, rate=rate, rounds=rounds
                )
                for leaves, rate, rounds in ((31, 0.1, 100), (7, 0.1, 100), (31, 0.03, 300), (63, 0.1, 200))
            },
        ),
        Family(
            "neighbours",
            "nearest neighbours",
            {
                f"{count} neighbours, {'nearer ones count more' if weights == 'distance' else 'all alike'}": partial(
                    estimators.neighbours, count=count, weights=weights
                )
                for count, weights in ((5, "uniform"), (20, "uniform"), (80, "uniform"), (20, "distance"))
            },
            frequent_one_hot,
            sampled=True,
        ),
        Family(
            "svm",
            "support vector machine",
            {f"cost {cost:g}": partial(estimators.support_vectors, cost=cost) for cost in (0.3, 3.0, 30.0)},
            frequent_one_hot,
            sampled=True,
        ),
        StackedFamily(
            "mlp",
            "multilayer perceptron",
            {
                "64-64": {"hidden_units": [64, 64]},
                "32": {"hidden_units": [32]},
                "128-64, dropout 0.2": {"hidden_units": [128, 64], "dropout": 0.2},
            },
        ),
    )


def chosen(names: Sequence[str], kind: str) -> list[AnyFamily]:
    """The families of these names, all when there are none; the baseline always comes first.

    Raises:
        ArgumentError: there is no family of a name.
    """
    known = {family.name: family for family in families(kind)}
    strangers = [name for name in names if name not in known]
    if strangers:
        raise ArgumentError("families", expected=f"some of {', '.join(known)}", got=", ".join(map(repr, strangers)))
    return [family for name, family in known.items() if not names or name in names or name == DUMMY]
