"""Values of a document that a person wrote, checked one by one; a float stands for an integer where KFP made it one."""

import math
from typing import Any

from foldline.errors import ArgumentError


def entries(what: str, given: Any) -> list[tuple[str, dict[str, Any]]]:
    """Each object of the list `given`, with the name that an error gives it. Raises ArgumentError."""
    if not isinstance(given, list) or not given or not all(isinstance(entry, dict) for entry in given):
        raise ArgumentError(what, expected="a list of at least one object", got=repr(given)[:200])
    return [(f"{what}[{place}]", entry) for place, entry in enumerate(given)]


def known(what: str, given: Any, keys: tuple[str, ...]) -> None:
    """Nothing, where `given` is an object without other keys than `keys`. Raises ArgumentError."""
    if not isinstance(given, dict):
        raise ArgumentError(what, expected="an object", got=repr(given)[:200])
    unknown = [key for key in given if key not in keys]
    if unknown:
        raise ArgumentError(what, expected=f"no keys but {', '.join(keys)}", got=repr(unknown[0]))


def choice(what: str, value: Any, choices: tuple[str, ...]) -> str:
    """`value`, where it is one of `choices`. Raises ArgumentError."""
    if value not in choices:
        raise ArgumentError(what, expected=" or ".join(map(repr, choices)), got=repr(value))
    return str(value)


def flag(what: str, value: Any) -> bool:
    """`value`, where it is true or false. Raises ArgumentError."""
    if not isinstance(value, bool):
        raise ArgumentError(what, expected="true or false", got=repr(value))
    return value


def number(
    what: str,
    value: Any,
    *,
    above: float = -math.inf,
    below: float = math.inf,
    least: float = -math.inf,
    most: float = math.inf,
) -> float:
    """`value`, where it is a finite number within the bounds. Raises ArgumentError."""
    right = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    if not right or not (above < value < below and least <= value <= most):
        bounds = [("above", above), ("below", below), ("at least", least), ("at most", most)]
        words = [f"{word} {bound:g}" for word, bound in bounds if math.isfinite(bound)]
        raise ArgumentError(what, expected=" ".join(["a number", " and ".join(words)]).strip(), got=repr(value))
    return float(value)


def whole(what: str, value: Any) -> int:
    """`value` as a count: at least 0 and whole, 5.0 like 5. Raises ArgumentError."""
    found = number(what, value, least=0)
    if not found.is_integer():
        raise ArgumentError(what, expected="a whole number", got=repr(value))
    return int(found)
