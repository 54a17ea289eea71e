"""Points of a space as places in a cube: a number lies between 0 and 1, on its own scale."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foldline.training.search import fields
from foldline.training.search.parameters import Choice, Float, Int, Parameter

# Places of two choices are as far apart as the ends of a range.
_CHOSEN = 0.5**0.5


def coordinates(parameters: Sequence[Parameter], point: Mapping[str, Any]) -> NDArray[np.float64]:
    """Where a point lies, float64: an axis for each number, and one for each option of a choice."""
    found: list[float] = []
    for parameter in parameters:
        value = point[parameter.name]
        if isinstance(parameter, Choice):
            text = fields.text_of(value)
            found += [_CHOSEN * (fields.text_of(option) == text) for option in parameter.options]
        else:
            low, high = _scaled(parameter, parameter.low), _scaled(parameter, parameter.high)
            found.append((_scaled(parameter, value) - low) / (high - low))
    return np.array(found)


def number_at(parameter: Float | Int, at: float) -> float | int:
    """The value of a range that is nearest to a place on its axis."""
    low, high = _scaled(parameter, parameter.low), _scaled(parameter, parameter.high)
    value = low + at * (high - low)
    value = float(np.exp(value)) if parameter.log else value
    if parameter.step:
        value = parameter.low + parameter.step * round((value - parameter.low) / parameter.step)
    value = min(max(value, parameter.low), parameter.high)
    if isinstance(parameter, Int):
        return round(value)
    return float(f"{value:.12g}") if parameter.step else value


def _scaled(parameter: Float | Int, value: float) -> float:
    return float(np.log(value)) if parameter.log else float(value)
