"""Fields of the definition of a search: names, numbers and lists, each fault with one message."""

import difflib
import json
import math
from collections.abc import Collection, Mapping
from typing import Any

from foldline.errors import ArgumentError


def known(document: Any, names: Collection[str], what: str) -> dict[str, Any]:
    """`document` as a dictionary.

    Raises:
        ArgumentError: it is no object, or has a field that is not among `names`.
    """
    if not isinstance(document, Mapping):
        raise ArgumentError(what, expected=f"an object with {', '.join(names)}", got=repr(document))
    for name in document:
        if name not in names:
            raise ArgumentError(
                f"field {name!r} of {what}",
                expected=f"one of {', '.join(names)}",
                got=repr(name),
                fix=did_you_mean(name, names),
            )
    return dict(document)


def did_you_mean(name: Any, names: Collection[str]) -> str:
    """A question with the nearest of `names`, or nothing."""
    near = difflib.get_close_matches(str(name), list(names), n=1)
    return f"Did you mean {near[0]!r}?" if near else ""


def one_of(value: Any, names: Collection[str], what: str) -> str:
    """`value`, one of `names`.

    Raises:
        ArgumentError: it is none of them.
    """
    if not isinstance(value, str) or value not in names:
        raise ArgumentError(
            what, expected=f"one of {', '.join(names)}", got=repr(value), fix=did_you_mean(value, names)
        )
    return value


def number(
    value: Any, what: str, *, above: float = -math.inf, least: float = -math.inf, most: float = math.inf
) -> float:
    """A finite number within bounds.

    Raises:
        ArgumentError: it is none.
    """
    bounds = [
        words
        for words, given in (
            (f"above {above:g}", above > -math.inf),
            (f"of at least {least:g}", least > -math.inf),
            (f"of at most {most:g}", most < math.inf),
        )
        if given
    ]
    right = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not right or not (value > above and least <= value <= most):
        raise ArgumentError(what, expected=" ".join(["a number", " and ".join(bounds)]).strip(), got=repr(value))
    return float(value)


def whole(value: Any, what: str, *, least: int | None = None) -> int:
    """A whole number; one with a zero behind the point is whole.

    Raises:
        ArgumentError: it is none, or below `least`.
    """
    right = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not right or value != int(value) or (least is not None and value < least):
        bound = "" if least is None else f" of at least {least}"
        raise ArgumentError(what, expected=f"a whole number{bound}", got=repr(value))
    return int(value)


def flag(value: Any, what: str) -> bool:
    """True or false.

    Raises:
        ArgumentError: it is neither.
    """
    if not isinstance(value, bool):
        raise ArgumentError(what, expected="true or false", got=repr(value))
    return value


def listed(value: Any, what: str) -> list[Any]:
    """A list.

    Raises:
        ArgumentError: it is none.
    """
    if not isinstance(value, list | tuple):
        raise ArgumentError(what, expected="a list", got=repr(value))
    return list(value)


def plain(value: Any, what: str) -> Any:
    """A JSON value with whole numbers as integers, at any depth: KFP hands integers inside objects over as floats, and
    a definition is to be the same on both ways.

    Raises:
        ArgumentError: it is not JSON, or a number is not finite.
    """
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return {key: plain(item, what) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item, what) for item in value]
    if isinstance(value, float) and math.isfinite(value):
        return int(value) if value.is_integer() else value
    if value is None or isinstance(value, str | bool | int):
        return value
    raise ArgumentError(what, expected="text, true, false, finite numbers, lists and objects of them", got=repr(value))


def text_of(value: Any) -> str:
    """A plain value as text; two values are the same where their texts are (1 and true are not)."""
    return json.dumps(value, sort_keys=True)
