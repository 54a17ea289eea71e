"""What a search is judged by: metrics, their direction, and one value from those of the folds."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Self

from foldline.errors import ArgumentError
from foldline.training.search import fields

if TYPE_CHECKING:
    from foldline.artifacts import Task

MAXIMIZE, MINIMIZE = "maximize", "minimize"
DIRECTIONS = (MAXIMIZE, MINIMIZE)
MEAN, LOWER_BOUND = "mean", "lower_bound"
OVER_FOLDS = (MEAN, LOWER_BOUND)
_LARGER_IS_BETTER = (
    "roc_auc", "average_precision", "accuracy", "balanced_accuracy", "precision", "recall", "f1", "kappa", "r2"
)  # fmt: skip
_CLASSIFICATION = (*_LARGER_IS_BETTER[:-1], "log_loss", "brier")
# Metrics of `foldline.evaluation.metrics.score` by kind of task, the one that models are chosen by first.
METRICS = {
    "binary": _CLASSIFICATION,
    "multiclass": ("log_loss", *(name for name in _CLASSIFICATION if name != "log_loss")),
    "regression": ("rmse", "mae", "r2"),
}
# What a trial costs: for further objectives and constraints only.
SECONDS, PARAMETERS = "seconds", "parameters"
COSTS = (SECONDS, PARAMETERS)
ALL_METRICS = tuple(dict.fromkeys(name for names in METRICS.values() for name in names))


@dataclass(frozen=True)
class Objective:
    """A metric and how it is judged.

    Attributes:
        metric: empty where the task's own is meant and the task is not known yet.
        direction: `maximize` or `minimize`; empty with the metric.
        over_folds: `mean`, or `lower_bound`: the mean less one standard error (sd / sqrt(folds)), or plus it where less
            is better. Of a single fold both are its value.
        goal: the search ends when a trial's value over all folds is as good; None for no goal.
    """

    metric: str = ""
    direction: str = ""
    over_folds: str = MEAN
    goal: float | None = None

    @property
    def sign(self) -> int:
        """1 where more is better, -1 where less is."""
        return 1 if self.direction == MAXIMIZE else -1

    def over(self, values: Sequence[float]) -> float:
        """One value from those of folds; at least one fold."""
        mean = statistics.fmean(values)
        if self.over_folds == MEAN or len(values) < 2:
            return mean
        return mean - self.sign * standard_error(values)

    def better(self, first: float, second: float) -> bool:
        """Whether `first` is better than `second`."""
        return self.sign * first > self.sign * second

    def reached(self, value: float) -> bool:
        """Whether `value` is as good as the goal."""
        return self.goal is not None and not self.better(self.goal, value)

    def to_json(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if value is not None}

    @classmethod
    def parse(cls, document: Any, task: "Task | None", what: str, *, further: bool = False) -> Self:
        """The objective that `document` describes.

        Args:
            task: None where it is not known yet; the metric is checked against it later.
            further: costs are allowed, a metric must be named, and there is no goal; `over_folds` is the mean.

        Raises:
            ArgumentError: the metric is unknown or not of this task, or the direction is not the metric's.
        """
        names = ("metric", "direction") if further else ("metric", "direction", "over_folds", "goal")
        given = fields.known(document, names, what)
        metric = parse_metric(given.get("metric", ""), task, f"field 'metric' of {what}", costs=further)
        goal = fields.number(given["goal"], f"field 'goal' of {what}") if given.get("goal") is not None else None
        if not metric and not task and (given.get("direction") or goal is not None):
            raise ArgumentError(
                f"field 'metric' of {what}", expected="a metric beside a direction or a goal", got="nothing"
            )
        own = direction_of(metric) if metric else ""
        direction = given.get("direction") or own
        if direction:
            direction = fields.one_of(direction, DIRECTIONS, f"field 'direction' of {what}")
        if direction != own:
            raise ArgumentError(
                f"field 'direction' of {what}", expected=f"{own}, which is better of {metric}", got=repr(direction)
            )
        over = fields.one_of(given.get("over_folds", MEAN), OVER_FOLDS, f"field 'over_folds' of {what}")
        return cls(metric, direction, over, goal)


@dataclass(frozen=True)
class Constraint:
    """A bound that the mean over folds of a metric is to keep; one of `at_most` and `at_least` is None."""

    metric: str
    at_most: float | None = None
    at_least: float | None = None

    def excess(self, values: Sequence[float]) -> float:
        """By how much the mean of the folds' values breaks the bound; 0 or less where it keeps it."""
        mean = statistics.fmean(values)
        return mean - self.at_most if self.at_most is not None else (self.at_least or 0.0) - mean

    def to_json(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if value is not None}

    @classmethod
    def parse(cls, document: Any, task: "Task | None", what: str) -> Self:
        """The constraint that `document` describes.

        Raises:
            ArgumentError: the metric is unknown or not of this task, or there is not exactly one bound.
        """
        given = fields.known(document, ("metric", "at_most", "at_least"), what)
        metric = parse_metric(given.get("metric", ""), task, f"field 'metric' of {what}", costs=True)
        bounds = {name: given[name] for name in ("at_most", "at_least") if name in given}
        if len(bounds) != 1:
            raise ArgumentError(what, expected="one of at_most and at_least", got=" and ".join(bounds) or "neither")
        return cls(
            metric, **{name: fields.number(value, f"field {name!r} of {what}") for name, value in bounds.items()}
        )


def parse_metric(name: Any, task: "Task | None", what: str, *, costs: bool) -> str:
    """The metric `name`; that of the task where it is empty, and empty where there is no task either.

    Raises:
        ArgumentError: it is unknown, or not of this task.
    """
    known = METRICS[task.kind] if task else ALL_METRICS
    if name == "" and not costs:
        return known[0] if task else ""
    if name in COSTS and not costs:
        raise ArgumentError(what, expected="a metric of the predictions; costs are for further objectives", got=name)
    if task and name in ALL_METRICS and name not in known:
        raise ArgumentError(what, expected=f"one of {', '.join(known)}, since the task is {task.kind}", got=repr(name))
    return fields.one_of(name, (*known, *(COSTS if costs else ())), what)


def direction_of(metric: str) -> str:
    """`maximize` where more of the metric is better, else `minimize`."""
    return MAXIMIZE if metric in _LARGER_IS_BETTER else MINIMIZE


def standard_error(values: Sequence[float]) -> float:
    """sd / sqrt(folds); NaN for a single fold."""
    return statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else math.nan


def means(values: Mapping[str, Mapping[int, float]]) -> dict[str, float]:
    """The mean over folds of each metric."""
    return {name: statistics.fmean(of.values()) for name, of in values.items() if of}
