"""Parameters of a search, read from the definition."""

import itertools
import re
from collections.abc import Mapping
from typing import Any

from foldline.errors import ArgumentError
from foldline.training.fitting.settings import Fitting
from foldline.training.search import fields
from foldline.training.search.parameters import (
    CHOICE,
    FLOAT,
    INT,
    Choice,
    Float,
    Int,
    Parameter,
    When,
)

FITTING = "fitting."
WORD = "[A-Za-z_][A-Za-z0-9_]*"
# What these do is not for a search to choose: they change what is scored, or how.
NOT_SEARCHED = ("weight_column", "stopping", "deterministic")
SEARCHED_FITTING = tuple(name for name in Fitting.__dataclass_fields__ if name not in NOT_SEARCHED)
# Parameters of the training itself: the least value (which the rate stays above), and whether they are whole numbers.
OF_TRAINING = {"learning_rate": (0.0, False), "batch_size": (1, True), "epochs": (1, True), "patience": (1, True)}
FIELDS = {
    FLOAT: ("type", "low", "high", "log", "step", "when"),
    INT: ("type", "low", "high", "log", "step", "when"),
    CHOICE: ("type", "values", "when"),
}


def parse_parameters(document: Any) -> tuple[Parameter, ...]:
    """The parameters that `document` describes, by name; those that others depend on first.

    Raises:
        ArgumentError: as `Space.parse` says.
    """
    if not isinstance(document, Mapping) or not document:
        raise ArgumentError(
            "field 'space' of the search",
            expected='an object with a parameter, as {"dropout": {"type": "float", "low": 0.0, "high": 0.5}}',
            got=repr(document),
        )
    found = {name: _parameter(name, document[name]) for name in document}
    if pair := _overlapping(tuple(found)):
        raise ArgumentError(
            f"parameter {pair[1]!r}", expected=f"no part of another parameter, as of {pair[0]!r}", got="both"
        )
    depths = {name: _depth(name, found, ()) for name in found}
    for parameter in found.values():
        _check_when(parameter, found)
    return tuple(found[name] for name in sorted(found, key=lambda one: (depths[one], one)))


def _parameter(name: Any, content: Any) -> Parameter:
    what = f"parameter {name!r} of the search"
    if not _identifier(name):
        expected = f"letters, digits and underscores, or {FITTING}… for a field of fitting"
        raise ArgumentError(what, expected=expected, got=repr(name))
    if name.startswith(FITTING):
        head = name.split(".")[1]
        fields.one_of(head, SEARCHED_FITTING, f"field {head!r} of fitting in {what}")
    kind = content.get("type") if isinstance(content, Mapping) else None
    if kind not in FIELDS:
        fields.known(content, sorted({name for names in FIELDS.values() for name in names}), what)
    kind = fields.one_of(kind, list(FIELDS), f"field 'type' of {what}")
    given = fields.known(content, FIELDS[kind], what)
    when = _when(given["when"], what) if given.get("when") else None
    parameter = _choice(name, given, when, what) if kind == CHOICE else _range(name, kind, given, when, what)
    _check_of_training(parameter, what)
    return parameter


def _when(content: Any, what: str) -> When:
    given = fields.known(content, ("parameter", "in"), f"'when' of {what}")
    if not isinstance(given.get("parameter"), str):
        raise ArgumentError(
            f"field 'parameter' of 'when' of {what}", expected="a name", got=repr(given.get("parameter"))
        )
    return When(given["parameter"], _options(given.get("in"), f"field 'in' of 'when' of {what}", least=1))


def _options(value: Any, what: str, least: int) -> tuple[Any, ...]:
    found = [fields.plain(item, what) for item in fields.listed(value, what)]
    texts = [fields.text_of(item) for item in found]
    twice = sorted({text for text in texts if texts.count(text) > 1})
    if twice:
        raise ArgumentError(what, expected="each value once", got=f"{', '.join(twice)} more than once")
    if len(found) < least:
        fix = "A single value is no search: give it as a fixed setting." if least > 1 else ""
        raise ArgumentError(what, expected=f"at least {least} value{'s' * (least > 1)}", got=repr(value), fix=fix)
    return tuple(found)


def _choice(name: str, given: dict[str, Any], when: When | None, what: str) -> Choice:
    return Choice(name, _options(given.get("values"), f"field 'values' of {what}", least=2), when)


def _range(name: str, kind: str, given: dict[str, Any], when: When | None, what: str) -> Float | Int:
    for field in ("low", "high"):
        if field not in given:
            raise ArgumentError(f"field {field!r} of {what}", expected="a number", got="nothing")
    log = fields.flag(given.get("log", False), f"field 'log' of {what}")
    low, high = (_bound(kind, given[field], f"field {field!r} of {what}") for field in ("low", "high"))
    if low >= high:
        raise ArgumentError(
            f"field 'high' of {what}",
            expected=f"more than low, {low:g}",
            got=f"{high:g}",
            fix="A single value is no search: give it as a fixed setting." if low == high else "",
        )
    if log and low <= 0:
        raise ArgumentError(f"field 'low' of {what}", expected="above 0, since log is true", got=f"{low:g}")
    step = _step(kind, given.get("step", 0), low, high, log, what)
    if kind == INT:
        return Int(name, int(low), int(high), log, int(step) or 1, when)
    return Float(name, float(low), float(high), log, float(step), when)


def _bound(kind: str, value: Any, what: str) -> float:
    return fields.whole(value, what) if kind == INT else fields.number(value, what)


def _step(kind: str, value: Any, low: float, high: float, log: bool, what: str) -> float:
    """The step, or 0 for none; 1 is none for whole numbers."""
    what = f"field 'step' of {what}"
    step = fields.whole(value, what, least=0) if kind == INT else fields.number(value, what, least=0)
    if not step or (kind == INT and step == 1):
        return 0
    if log:
        raise ArgumentError(what, expected="nothing, since log is true", got=f"{step:g}")
    count = (high - low) / step
    if count < 1 or abs(count - round(count)) > 1e-9:
        last = low + step * max(int(count + 1e-9), 1)
        raise ArgumentError(
            what,
            expected=f"a number that goes from {low:g} to {high:g} in equal steps",
            got=f"{step:g}",
            fix=f"Set high to {last:g}, for instance.",
        )
    return step


def _check_of_training(parameter: Parameter, what: str) -> None:
    if parameter.name not in OF_TRAINING:
        return
    least, is_whole = OF_TRAINING[parameter.name]
    if is_whole and isinstance(parameter, Float):
        raise ArgumentError(f"field 'type' of {what}", expected=f"{INT} or {CHOICE}", got=repr(FLOAT))
    values = parameter.options if isinstance(parameter, Choice) else (parameter.low,)
    for value in values:
        if is_whole:
            fields.whole(value, f"a value of {what}", least=int(least))
        else:
            fields.number(value, f"a value of {what}", above=least)


def _depth(name: str, found: Mapping[str, Parameter], below: tuple[str, ...]) -> int:
    if name in below:
        circle = " -> ".join((*below[below.index(name) :], name))
        raise ArgumentError("'when' of the search's parameters", expected="no circle", got=circle)
    when = found[name].when
    if when is None:
        return 0
    if when.parameter not in found:
        raise ArgumentError(
            f"field 'parameter' of 'when' of parameter {name!r} of the search",
            expected=f"another parameter of the space: {', '.join(sorted(set(found) - {name})) or 'there is none'}",
            got=repr(when.parameter),
            fix=fields.did_you_mean(when.parameter, found),
        )
    return 1 + _depth(when.parameter, found, (*below, name))


def _check_when(parameter: Parameter, found: Mapping[str, Parameter]) -> None:
    when = parameter.when
    if when is None:
        return
    parent = found[when.parameter]
    what = f"'when' of parameter {parameter.name!r} of the search"
    if isinstance(parent, Float):
        raise ArgumentError(what, expected=f"a parameter of type {INT} or {CHOICE}", got=f"{parent.name!r}, a {FLOAT}")
    for value in when.values:
        try:
            parent.cast(value)
        except ArgumentError as fault:
            raise ArgumentError(f"field 'in' of {what}", expected=fault.expected, got=fault.got) from None


def _identifier(name: Any) -> bool:
    """Whether a parameter may have this name: that of an argument, or a path below `fitting`."""
    return isinstance(name, str) and bool(re.fullmatch(rf"{WORD}|fitting(\.{WORD})+", name))


def _overlapping(names: tuple[str, ...]) -> tuple[str, str] | None:
    """Two names of which one sets a part of what the other sets; None where there are no such."""
    for first, second in itertools.permutations(names, 2):
        if second.startswith(f"{first}."):
            return first, second
    return None
