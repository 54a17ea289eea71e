"""What the keys of a feature specification may hold: how each is read, and its JSON Schema."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

Schema = dict[str, Any]


@dataclass(frozen=True)
class Key:
    """The values of one key.

    Attributes:
        read: the value as it is kept; raises ValueError that says what was expected.
        schema: JSON Schema of the values that `read` takes, where one can say it.
    """

    read: Callable[[Any], Any]
    schema: Schema


def key(read: Callable[[Any], Any], schema: Schema) -> dict[str, Key]:
    """Metadata of a dataclass's field that is a key of the specification."""
    return {"key": Key(read, schema)}


def choice(*names: str) -> dict[str, Key]:
    """One of these names."""

    def read(value: Any) -> str:
        if not isinstance(value, str) or value not in names:
            raise ValueError(f"one of {', '.join(names)}")
        return value

    return key(read, {"enum": list(names)})


def flag() -> dict[str, Key]:
    """True or false."""

    def read(value: Any) -> bool:
        if not isinstance(value, bool):
            raise ValueError("true or false")
        return value

    return key(read, {"type": "boolean"})


def text() -> dict[str, Key]:
    """Any text."""

    def read(value: Any) -> str:
        if not isinstance(value, str):
            raise ValueError("text")
        return value

    return key(read, {"type": "string"})


def whole(least: int, most: int = 2**31 - 1) -> dict[str, Key]:
    """A whole number within bounds; 5.0 is 5, since local runs make floats of whole numbers."""

    def read(value: Any) -> int:
        if not _is_number(value) or not float(value).is_integer() or not least <= value <= most:
            raise ValueError(f"a whole number from {least}" + (f" to {most}" if most < 2**31 - 1 else ""))
        return int(value)

    return key(read, {"type": "integer", "minimum": least, "maximum": most})


def number(least: float = -math.inf) -> dict[str, Key]:
    """A finite number of at least `least`."""
    bounded = math.isfinite(least)

    def read(value: Any) -> float:
        if not _is_number(value) or value < least:
            raise ValueError(f"a finite number from {least:g}" if bounded else "a finite number")
        return float(value)

    return key(read, {"type": "number"} | ({"minimum": least} if bounded else {}))


def increasing() -> dict[str, Key]:
    """A list of at least one finite number, in increasing order."""

    def read(value: Any) -> tuple[float, ...]:
        if not isinstance(value, (list, tuple)) or not value or not all(map(_is_number, value)):
            raise ValueError("a list of finite numbers")
        if any(after <= before for before, after in pairwise(value)):
            raise ValueError("numbers in increasing order")
        return tuple(map(float, value))

    return key(read, {"type": "array", "items": {"type": "number"}, "minItems": 1, "uniqueItems": True})


def fractions() -> dict[str, Key]:
    """Null, or two increasing fractions."""

    def read(value: Any) -> tuple[float, float] | None:
        if value is None:
            return None
        if not isinstance(value, (list, tuple)) or len(value) != 2 or not all(map(_is_number, value)):
            raise ValueError("null or two fractions in increasing order, both from 0 to 1")
        if not 0 <= value[0] < value[1] <= 1:
            raise ValueError("null or two fractions in increasing order, both from 0 to 1")
        return float(value[0]), float(value[1])

    fraction = {"type": "number", "minimum": 0, "maximum": 1}
    pair = {"type": "array", "items": fraction, "minItems": 2, "maxItems": 2, "uniqueItems": True}
    return key(read, {"oneOf": [{"type": "null"}, pair]})


def choices(*names: str) -> dict[str, Key]:
    """A list of at least one of these names, each once."""

    def read(value: Any) -> tuple[str, ...]:
        if not isinstance(value, (list, tuple)) or not value or any(item not in names for item in value):
            raise ValueError(f"a list of {', '.join(names)}")
        if len(set(value)) < len(value):
            raise ValueError("each of them once")
        return tuple(value)

    return key(read, {"type": "array", "items": {"enum": list(names)}, "minItems": 1, "uniqueItems": True})


def names(least: int, most: int | None = None) -> dict[str, Key]:
    """A list of names of columns, each once."""
    wanted = f"{least}" if most == least else f"at least {least}"

    def read(value: Any) -> tuple[str, ...]:
        texts = isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value)
        if not texts or not least <= len(set(value)) == len(value) <= (most or len(value)):
            raise ValueError(f"a list of {wanted} different columns")
        return tuple(value)

    items = {"type": "array", "items": {"type": "string"}, "minItems": least, "uniqueItems": True}
    return key(read, items | ({"maxItems": most} if most else {}))


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
