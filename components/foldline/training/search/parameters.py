"""Parameters of a search: ranges of numbers and choices, and when a point has them."""

from dataclasses import dataclass
from typing import Any

from foldline.errors import ArgumentError
from foldline.training.search import fields

FLOAT, INT, CHOICE = "float", "int", "choice"
# Rounding of a float on a grid of steps, as a part of a step.
_TOLERANCE = 1e-6


@dataclass(frozen=True)
class When:
    """A parameter is there only where another one has one of these values."""

    parameter: str
    values: tuple[Any, ...]

    def to_json(self) -> dict[str, Any]:
        return {"parameter": self.parameter, "in": list(self.values)}


@dataclass(frozen=True)
class Float:
    """A number between `low` and `high`, both included; a multiple of `step` above `low` where `step` is not 0."""

    name: str
    low: float
    high: float
    log: bool = False
    step: float = 0.0
    when: When | None = None

    def cast(self, value: Any) -> float:
        """`value` as this parameter has it.

        Raises:
            ArgumentError: it is none of its values.
        """
        what = f"value of parameter {self.name!r}"
        steps = self.values()
        if steps is None:
            return fields.number(value, what, least=self.low, most=self.high)
        # Libraries give 0.30000000000000004 for the third step of 0.1.
        found = fields.number(value, what)
        nearest = min(steps, key=lambda step: abs(step - found))
        if abs(nearest - found) > _TOLERANCE * self.step:
            expected = f"{self.low:g} to {self.high:g} in steps of {self.step:g}"
            raise ArgumentError(what, expected=expected, got=repr(value))
        return nearest

    def values(self) -> list[float] | None:
        """All values in order; None where there is no step."""
        if not self.step:
            return None
        count = round((self.high - self.low) / self.step)
        return [float(f"{self.low + index * self.step:.12g}") for index in range(count + 1)]

    def to_json(self) -> dict[str, Any]:
        step = {"step": self.step} if self.step else {}
        return {"type": FLOAT, "low": self.low, "high": self.high, "log": self.log, **step, **_when_json(self.when)}


@dataclass(frozen=True)
class Int:
    """A whole number between `low` and `high`, both included; a multiple of `step` above `low`."""

    name: str
    low: int
    high: int
    log: bool = False
    step: int = 1
    when: When | None = None

    def cast(self, value: Any) -> int:
        """`value` as this parameter has it.

        Raises:
            ArgumentError: it is none of its values.
        """
        what = f"value of parameter {self.name!r}"
        found = fields.whole(value, what)
        if not self.low <= found <= self.high or (found - self.low) % self.step:
            steps = f" in steps of {self.step}" if self.step > 1 else ""
            raise ArgumentError(what, expected=f"{self.low} to {self.high}{steps}", got=repr(value))
        return found

    def values(self) -> list[int] | None:
        """All values in order."""
        return list(range(self.low, self.high + 1, self.step))

    def to_json(self) -> dict[str, Any]:
        content = {"type": INT, "low": self.low, "high": self.high, "log": self.log, "step": self.step}
        return content | _when_json(self.when)


@dataclass(frozen=True)
class Choice:
    """One of some JSON values, which need no order."""

    name: str
    options: tuple[Any, ...]
    when: When | None = None

    def cast(self, value: Any) -> Any:
        """`value` as this parameter has it.

        Raises:
            ArgumentError: it is none of its values.
        """
        what = f"value of parameter {self.name!r}"
        wanted = fields.text_of(fields.plain(value, what))
        for option in self.options:
            if fields.text_of(option) == wanted:
                return option
        raise ArgumentError(what, expected=f"one of {fields.text_of(list(self.options))}", got=repr(value))

    def values(self) -> list[Any] | None:
        """All values, as given."""
        return list(self.options)

    def to_json(self) -> dict[str, Any]:
        return {"type": CHOICE, "values": list(self.options), **_when_json(self.when)}


Parameter = Float | Int | Choice


def _when_json(when: When | None) -> dict[str, Any]:
    return {} if when is None else {"when": when.to_json()}
