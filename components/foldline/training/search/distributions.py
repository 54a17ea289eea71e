"""Points of a space as Optuna keeps them."""

from collections.abc import Mapping
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from foldline.training.search import fields
from foldline.training.search.parameters import Choice, Int, Parameter
from foldline.training.search.space import Space


def given(point: Mapping[str, Any], space: Space) -> dict[str, Any]:
    """A point, or a part of one: the value of a choice is its text, since Optuna takes no lists."""
    return {name: fields.text_of(value) if isinstance(space[name], Choice) else value for name, value in point.items()}


def distributions(point: Mapping[str, Any], space: Space) -> dict[str, BaseDistribution]:
    """Where the values of a point come from."""
    return {name: _distribution(space[name]) for name in point}


def _distribution(parameter: Parameter) -> BaseDistribution:
    if isinstance(parameter, Choice):
        return CategoricalDistribution([fields.text_of(value) for value in parameter.options])
    if isinstance(parameter, Int):
        return IntDistribution(parameter.low, parameter.high, log=parameter.log, step=parameter.step)
    return FloatDistribution(parameter.low, parameter.high, log=parameter.log, step=parameter.step or None)
