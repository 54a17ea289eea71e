"""The definition of a search, as the document `search` of a pipeline gives it. It needs nothing beside the standard
library, so that a document is checked where a pipeline is compiled."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self, TypeVar

from foldline.errors import ArgumentError
from foldline.training.search import fields
from foldline.training.search.conduct import AUTO, GRID, HALVING, HYPERBAND, Algorithm, Budget, Stopping
from foldline.training.search.objective import Constraint, Objective
from foldline.training.search.space import Space

if TYPE_CHECKING:
    from foldline.artifacts import Task

T = TypeVar("T")
RESELECTED, HOLD_OUT_FOLD = "reselected", "hold_out_fold"
ESTIMATES = (RESELECTED, HOLD_OUT_FOLD)
LARGEST_SEED = 2**31 - 1


@dataclass(frozen=True)
class Definition:
    """A search.

    Attributes:
        space: what is searched.
        objective: what it is judged by.
        further_objectives: what else is to be good; the result is then the best of the first among many.
        constraints: bounds that a trial must keep to be chosen.
        algorithm: what proposes points.
        budget: when it ends.
        stopping: which trials end between folds.
        seed: of the algorithm.
        estimate: how the winner's score is told without the gain from having been chosen.
        warm_start_uri: an earlier result whose trials the algorithm begins with.
        try_first: points, or parts of points, that are tried before the algorithm's own.
        failures_allowed: share of the trials that may fail before the search does.
    """

    space: Space
    objective: Objective = field(default_factory=Objective)
    further_objectives: tuple[Objective, ...] = ()
    constraints: tuple[Constraint, ...] = ()
    algorithm: Algorithm = field(default_factory=Algorithm)
    budget: Budget = field(default_factory=Budget)
    stopping: Stopping = field(default_factory=Stopping)
    seed: int = 0
    estimate: str = RESELECTED
    warm_start_uri: str = ""
    try_first: tuple[dict[str, Any], ...] = ()
    failures_allowed: float = 0.5

    @classmethod
    def parse(cls, document: Any, task: "Task | None" = None) -> Self:
        """The search that `document` describes; what it leaves out has its default.

        Args:
            task: None where it is not known yet, as when a pipeline is compiled: the metric is then checked later.

        Raises:
            ArgumentError: a field is unknown or has a value that it cannot have.
        """
        given = fields.known(document, tuple(cls.__dataclass_fields__), "the search")
        space = Space.parse(given.get("space"))
        objective = Objective.parse(given.get("objective", {}), task, "field 'objective' of the search")
        further = _several(
            given, "further_objectives", lambda one, what: Objective.parse(one, task, what, further=True)
        )
        constraints = _several(given, "constraints", lambda one, what: Constraint.parse(one, task, what))
        budget = Budget.parse(given.get("budget", {}))
        definition = cls(
            space=space,
            objective=objective,
            further_objectives=further,
            constraints=constraints,
            algorithm=Algorithm.parse(given.get("algorithm", {})),
            budget=budget,
            stopping=Stopping.parse(given.get("stopping", {})),
            seed=_seed(given.get("seed", 0)),
            estimate=fields.one_of(given.get("estimate", RESELECTED), ESTIMATES, "field 'estimate' of the search"),
            warm_start_uri=_address(given.get("warm_start_uri", "")),
            try_first=_points(given.get("try_first", []), space, budget),
            failures_allowed=fields.number(
                given.get("failures_allowed", 0.5), "field 'failures_allowed' of the search", least=0.0, most=1.0
            ),
        )
        definition._check_objectives()
        definition._check_grid()
        definition._check_rule()
        return definition

    @property
    def trials(self) -> int:
        """Most trials: those of the budget, and of a grid never more than it has points."""
        return min(self.budget.trials, int(self.space.size())) if self.algorithm.name == GRID else self.budget.trials

    @property
    def other_metrics(self) -> tuple[str, ...]:
        """What a trial records beside the objective."""
        wanted = [one.metric for one in self.further_objectives] + [one.metric for one in self.constraints]
        return tuple(dict.fromkeys(name for name in wanted if name != self.objective.metric))

    def to_json(self) -> dict[str, Any]:
        """What `parse` reads, with every default."""
        return {
            "space": self.space.to_json(),
            "objective": self.objective.to_json(),
            "further_objectives": [
                {"metric": one.metric, "direction": one.direction} for one in self.further_objectives
            ],
            "constraints": [one.to_json() for one in self.constraints],
            "algorithm": self.algorithm.to_json(),
            "budget": self.budget.to_json(),
            "stopping": self.stopping.to_json(),
            "seed": self.seed,
            "estimate": self.estimate,
            "warm_start_uri": self.warm_start_uri,
            "try_first": list(self.try_first),
            "failures_allowed": self.failures_allowed,
        }

    def digest(self) -> str:
        """`sha256:` and the hexadecimal digest of the definition, the same for what KFP makes of a document."""
        text = json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"), allow_nan=False)
        return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"

    def _check_objectives(self) -> None:
        names = [one.metric for one in (self.objective, *self.further_objectives)]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ArgumentError(
                "field 'further_objectives' of the search", expected="each metric once", got=f"{twice} more than once"
            )

    def _check_grid(self) -> None:
        if self.algorithm.name != GRID:
            return
        for parameter in self.space:
            what = f"parameter {parameter.name!r} of the search"
            if getattr(parameter, "log", False):
                raise ArgumentError(
                    f"field 'log' of {what}", expected="false, since a grid goes in equal steps", got="true",
                    fix='Give the values: {"type": "choice", "values": [...]}.',
                )  # fmt: skip
            if parameter.values() is None:
                raise ArgumentError(
                    f"field 'step' of {what}", expected="a number above 0, since the algorithm is grid", got="nothing"
                )

    def _check_rule(self) -> None:
        if self.algorithm.name in (HALVING, HYPERBAND) and self.stopping.rule not in (AUTO, HALVING):
            raise ArgumentError(
                "field 'rule' of field 'stopping' of the search",
                expected=f"{HALVING}, which the algorithm {self.algorithm.name} consists of",
                got=repr(self.stopping.rule),
            )


def _several(given: Mapping[str, Any], name: str, parse: Callable[[Any, str], T]) -> tuple[T, ...]:
    what = f"field {name!r} of the search"
    return tuple(
        parse(one, f"entry {index} of {what}") for index, one in enumerate(fields.listed(given.get(name, []), what), 1)
    )


def _seed(value: Any) -> int:
    what = "field 'seed' of the search"
    seed = fields.whole(value, what, least=0)
    if seed > LARGEST_SEED:
        raise ArgumentError(what, expected=f"at most {LARGEST_SEED}", got=str(seed))
    return seed


def _address(value: Any) -> str:
    if not isinstance(value, str):
        raise ArgumentError("field 'warm_start_uri' of the search", expected="an address", got=repr(value))
    return value


def _points(value: Any, space: Space, budget: Budget) -> tuple[dict[str, Any], ...]:
    what = "field 'try_first' of the search"
    points = [
        space.point(point, f"point {index} of {what}", whole=False)
        for index, point in enumerate(fields.listed(value, what), 1)
    ]
    texts = [fields.text_of(point) for point in points]
    if len(set(texts)) < len(texts):
        raise ArgumentError(what, expected="each point once", got="a point more than once")
    if len(points) > budget.trials:
        raise ArgumentError(what, expected=f"at most {budget.trials} points, the trials", got=str(len(points)))
    return tuple(points)
