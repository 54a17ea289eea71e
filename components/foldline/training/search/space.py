"""The space of a search: its parameters, its points, and which parameters a point has."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

from foldline.errors import ArgumentError
from foldline.training.search import fields
from foldline.training.search.parameters import Parameter
from foldline.training.search.parsing import parse_parameters


@dataclass(frozen=True)
class Space:
    """The parameters of a search: those that others depend on first, else by name (KFP keeps no order in objects)."""

    parameters: tuple[Parameter, ...]

    def __iter__(self) -> Iterator[Parameter]:
        return iter(self.parameters)

    def __getitem__(self, name: str) -> Parameter:
        return next(one for one in self.parameters if one.name == name)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(one.name for one in self.parameters)

    @property
    def conditional(self) -> tuple[str, ...]:
        """Names of the parameters that not every point has."""
        return tuple(one.name for one in self.parameters if one.when is not None)

    def has(self, parameter: Parameter, point: Mapping[str, Any]) -> bool:
        """Whether `point` has the parameter, by the values of those that stand before it."""
        when = parameter.when
        if when is None:
            return True
        wanted = {fields.text_of(value) for value in when.values}
        return when.parameter in point and fields.text_of(point[when.parameter]) in wanted

    def point(self, given: Mapping[str, Any], what: str, *, whole: bool) -> dict[str, Any]:
        """`given` in the order and the types of this space.

        Args:
            whole: every parameter that the point has must have a value; else some may be left open.

        Raises:
            ArgumentError: a name or a value is not of this space, or a parameter is given where the point has none.
        """
        given = fields.known(given, self.names, what)
        found: dict[str, Any] = {}
        for parameter in self.parameters:
            there = self.has(parameter, found)
            if parameter.name in given and there:
                try:
                    found[parameter.name] = parameter.cast(given[parameter.name])
                except ArgumentError as fault:
                    raise ArgumentError(
                        f"{parameter.name!r} of {what}", expected=fault.expected, got=fault.got
                    ) from None
            elif parameter.name in given and parameter.when is not None:
                expected = f"no value, since {parameter.when.parameter!r} is none of {list(parameter.when.values)}"
                raise ArgumentError(f"{parameter.name!r} of {what}", expected=expected, got=repr(given[parameter.name]))
            elif whole and there:
                raise ArgumentError(f"{parameter.name!r} of {what}", expected="a value", got="none")
        return found

    def size(self) -> float:
        """Number of points; infinite where a parameter has no steps."""
        if any(one.values() is None for one in self.parameters):
            return math.inf
        if not self.conditional:
            return math.prod(len(one.values() or []) for one in self.parameters)
        return sum(1 for _ in self.points())

    def points(self) -> Iterator[dict[str, Any]]:
        """Every point of a space of steps and choices, each once; the last parameter changes fastest.

        Raises:
            ArgumentError: a parameter has no steps.
        """
        for parameter in self.parameters:
            if parameter.values() is None:
                raise ArgumentError(f"parameter {parameter.name!r}", expected="a step", got="none")
        return self._points(0, {})

    def _points(self, index: int, begun: dict[str, Any]) -> Iterator[dict[str, Any]]:
        if index == len(self.parameters):
            yield dict(begun)
            return
        parameter = self.parameters[index]
        if not self.has(parameter, begun):
            yield from self._points(index + 1, begun)
            return
        for value in parameter.values() or []:
            yield from self._points(index + 1, begun | {parameter.name: value})

    def to_json(self) -> dict[str, Any]:
        return {one.name: one.to_json() for one in self.parameters}

    @classmethod
    def parse(cls, document: Any) -> Self:
        """The space that `document` describes.

        Raises:
            ArgumentError: it is empty; or a parameter has an unknown field, or bounds, steps, values or a condition
                that cannot be.
        """
        return cls(parse_parameters(document))
