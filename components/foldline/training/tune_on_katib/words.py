"""Values of a search as words of a command that need no quotes, and back.

Katib's algorithms agree on one kind of parameter only: a number between two bounds, uniformly. The others differ from
service to service (a step starts at 0, whole numbers are cut off, logarithms are ignored), so all numbers are asked for
in that way, and the trial takes the value next to what it gets.
"""

import math
from dataclasses import dataclass
from typing import Any

from foldline.errors import ArgumentError
from foldline.training.search.parameters import Choice, Int, Parameter
from foldline.training.search.space import Space

# What a trial prints and Katib reads.
METRIC = "score"
GRID = "grid"
LOG, INDEX = ".log10", ".index"


@dataclass(frozen=True)
class Word:
    """How Katib sees one parameter.

    Attributes:
        name: of the parameter in the Experiment; what follows the parameter's own name says what the number means.
        low, high: bounds of what Katib proposes; both 0 where it proposes one of `count` indices.
        count: number of values; 0 where Katib proposes a number.
    """

    name: str
    parameter: Parameter
    low: float = 0.0
    high: float = 0.0
    count: int = 0

    def value(self, word: str) -> Any:
        """The value of the parameter that `word` means.

        Raises:
            ArgumentError: it is no number, or lies outside of the bounds.
        """
        what, number = f"word {word!r} of parameter {self.parameter.name!r}", _number(word)
        if self.count:
            values = self.parameter.values() or []
            if number is None or number != int(number) or not 0 <= number < len(values):
                raise ArgumentError(what, expected=f"a whole number from 0 to {len(values) - 1}", got=word)
            return values[int(number)]
        slack = 1e-9 * max(abs(self.low), abs(self.high))
        if number is None or not self.low - slack <= number <= self.high + slack:
            raise ArgumentError(what, expected=f"a number from {self.low:g} to {self.high:g}", got=word)
        return self._nearest(number)

    def _nearest(self, number: float) -> Any:
        parameter = self.parameter
        assert not isinstance(parameter, Choice)
        found = 10.0**number if parameter.log else number
        if step := parameter.step:
            places = round((parameter.high - parameter.low) / step)
            found = parameter.low + step * min(max(round((found - parameter.low) / step), 0), places)
            # As `Float.values` gives it.
            found = int(found) if isinstance(parameter, Int) else float(f"{found:.12g}")
        return parameter.cast(min(max(found, parameter.low), parameter.high))


def words_of(space: Space, algorithm: str) -> tuple[Word, ...]:
    """The words of a point, in the order of the space.

    Args:
        algorithm: of the search; a grid is made of indices.
    """
    return tuple(_word(parameter, algorithm) for parameter in space)


def point_of(words: tuple[Word, ...], given: dict[str, str]) -> dict[str, Any]:
    """The point that Katib's assignments mean, by name of parameter.

    Args:
        given: word of each of Katib's names.

    Raises:
        ArgumentError: a word is missing, or not of the space.
    """
    for word in words:
        if word.name not in given:
            raise ArgumentError(f"parameter {word.name!r} of a trial", expected="a word", got=f"{sorted(given)}")
    return {word.parameter.name: word.value(given[word.name]) for word in words}


def _word(parameter: Parameter, algorithm: str) -> Word:
    if algorithm == GRID or isinstance(parameter, Choice):
        return Word(parameter.name + INDEX, parameter, count=len(parameter.values() or []))
    half = parameter.step / 2
    low, high = parameter.low - half, parameter.high + half
    if parameter.log:
        return Word(parameter.name + LOG, parameter, math.log10(low), math.log10(high))
    return Word(parameter.name, parameter, low, high)


def _number(word: str) -> float | None:
    try:
        number = float(word)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
