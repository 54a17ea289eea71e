"""How a search is conducted: what proposes points, when it ends, and which trials end between folds."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from foldline.errors import ArgumentError
from foldline.training.search import fields

OPTUNA, KATIB = "optuna", "katib"
RANDOM, GRID, TPE, MULTIVARIATE_TPE = "random", "grid", "tpe", "multivariate-tpe"
GP, CMAES, SOBOL = "gp", "cmaes", "sobol"
# The name of an algorithm and of a rule: the algorithm is random points and the rule.
HALVING, HYPERBAND = "halving", "hyperband"
ALGORITHMS = (RANDOM, GRID, TPE, MULTIVARIATE_TPE, GP, CMAES, SOBOL, HALVING, HYPERBAND)
# `auto` is what the engine does best: see `capabilities.check`.
AUTO, WORST_FOLD, NONE = "auto", "worst_fold", "none"
RULES = (AUTO, HALVING, WORST_FOLD, NONE)
TRIALS, PARALLEL_TRIALS = 30, 8


def _count(value: Any, what: str) -> int:
    return fields.whole(value, what, least=1)


def _two(value: Any, what: str) -> int:
    return fields.whole(value, what, least=2)


def _positive(value: Any, what: str) -> float:
    return fields.number(value, what, above=0.0)


def _share(value: Any, what: str) -> float:
    share = _positive(value, what)
    if share >= 1.0:
        raise ArgumentError(what, expected="a number below 1", got=repr(value))
    return share


def _restart(value: Any, what: str) -> str:
    return fields.one_of(value, ("none", "ipop", "bipop"), what)


# Settings of the algorithms by engine, and what reads each.
SETTINGS: dict[str, dict[str, dict[str, Callable[[Any, str], Any]]]] = {
    OPTUNA: {
        TPE: {"startup_trials": _count, "candidates": _count},
        MULTIVARIATE_TPE: {"startup_trials": _count, "candidates": _count},
        CMAES: {"sigma": _positive},
        GP: {"startup_trials": _two},
    },
    KATIB: {
        TPE: {"gamma": _share, "prior_weight": _positive, "candidates": _count},
        MULTIVARIATE_TPE: {"startup_trials": _count, "candidates": _count},
        CMAES: {"sigma": _positive, "restart_strategy": _restart},
    },
}


@dataclass(frozen=True)
class Algorithm:
    """What proposes points, and its settings; those of each engine are in `SETTINGS`."""

    name: str = TPE
    settings: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, **self.settings}

    @classmethod
    def parse(cls, document: Any) -> Self:
        what = "field 'algorithm' of the search"
        if not isinstance(document, Mapping):
            raise ArgumentError(what, expected='an object, as {"name": "tpe"}', got=repr(document))
        name = document.get("name", TPE)
        name = fields.one_of(name, ALGORITHMS, f"field 'name' of {what}")
        known = sorted({setting for of in SETTINGS.values() for setting in of.get(name, {})})
        settings = fields.known(document, ("name", *known), f"{what}, {name}")
        settings.pop("name", None)
        return cls(name, fields.plain(settings, what))


@dataclass(frozen=True)
class Budget:
    """When a search ends; 0 is no limit.

    Attributes:
        trials: most trials.
        parallel_trials: most at the same time.
        wall_clock_s: seconds of the whole search.
        trial_s: seconds of one trial; one that takes longer has failed.
        cost_per_hour: price of the machine that searches, in any currency.
        cost_limit: most that may be spent, in the same.
    """

    trials: int = TRIALS
    parallel_trials: int = PARALLEL_TRIALS
    wall_clock_s: float = 0.0
    trial_s: float = 0.0
    cost_per_hour: float = 0.0
    cost_limit: float = 0.0

    @property
    def seconds(self) -> float:
        """Seconds that time and cost allow; 0 for no limit."""
        limits = [self.wall_clock_s] if self.wall_clock_s else []
        limits += [3600 * self.cost_limit / self.cost_per_hour] if self.cost_limit else []
        return min(limits, default=0.0)

    def to_json(self) -> dict[str, Any]:
        content = asdict(self)
        cost = {"per_hour": content.pop("cost_per_hour"), "limit": content.pop("cost_limit")}
        return content | {"cost": cost}

    @classmethod
    def parse(cls, document: Any) -> Self:
        what = "field 'budget' of the search"
        given = fields.known(document, ("trials", "parallel_trials", "wall_clock_s", "trial_s", "cost"), what)
        trials = fields.whole(given.get("trials", TRIALS), f"field 'trials' of {what}", least=1)
        parallel = given.get("parallel_trials", min(PARALLEL_TRIALS, trials))
        parallel = fields.whole(parallel, f"field 'parallel_trials' of {what}", least=1)
        if parallel > trials:
            raise ArgumentError(
                f"field 'parallel_trials' of {what}", expected=f"at most {trials}, the trials", got=str(parallel)
            )
        seconds = [
            fields.number(given.get(name, 0.0), f"field {name!r} of {what}", least=0.0)
            for name in ("wall_clock_s", "trial_s")
        ]
        cost = fields.known(given.get("cost") or {}, ("per_hour", "limit"), f"field 'cost' of {what}")
        prices = [
            fields.number(cost.get(name, 0.0), f"field {name!r} of 'cost' of {what}", least=0.0)
            for name in ("per_hour", "limit")
        ]
        if bool(prices[0]) != bool(prices[1]):
            raise ArgumentError(f"field 'cost' of {what}", expected="both per_hour and limit above 0", got=repr(cost))
        return cls(trials, parallel, *seconds, *prices)


@dataclass(frozen=True)
class Stopping:
    """The rule by which trials end between folds; `eta` is halving's: of so many trials one goes on."""

    rule: str = AUTO
    eta: int = 2

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def parse(cls, document: Any) -> Self:
        what = "field 'stopping' of the search"
        given = fields.known(document, ("rule", "eta"), what)
        rule = fields.one_of(given.get("rule", AUTO), RULES, f"field 'rule' of {what}")
        return cls(rule, fields.whole(given.get("eta", 2), f"field 'eta' of {what}", least=2))
