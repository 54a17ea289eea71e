"""The document of rules: one object for each rule, by the rule's name, with a type and that type's fields."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from foldline import document
from foldline.data.ingest_dataset.shape import parse_expression
from foldline.data.validate_data.findings import ERROR, WARNING
from foldline.data.validate_data.rules.of_rows import Expression, Pattern, Range, whole_text
from foldline.data.validate_data.rules.of_tables import Balance, Freshness, Rows, Unique
from foldline.data.validate_data.rules.rule import Rule
from foldline.durations import seconds_of
from foldline.errors import ArgumentError

DIALECT = "https://json-schema.org/draft/2020-12/schema"


@dataclass(frozen=True)
class Key:
    """A field: how its value is read (name for errors, value), and its JSON Schema."""

    read: Callable[[str, Any], Any]
    schema: dict[str, Any]


@dataclass(frozen=True)
class Kind:
    """A type of rule: its class, the fields that it needs, and the defaults of the others."""

    rule: type[Rule]
    keys: dict[str, Key]
    defaults: dict[str, Any]
    one_of: tuple[str, ...] = ()


def _text(what: str, value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ArgumentError(what, expected="text", got=repr(value)[:200])
    return value


def _pattern(what: str, value: Any) -> str:
    pattern = _text(what, value)
    try:
        pc.match_substring_regex(pa.array([""]), pattern=whole_text(pattern))
    except pa.ArrowInvalid as fault:
        raise ArgumentError(what, expected="a regular expression of RE2", got=f"{value!r} ({fault})") from None
    return pattern


def _sql(what: str, value: Any) -> str:
    parse_expression(value, what)
    return str(value)


def _columns(what: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not value:
        raise ArgumentError(what, expected="a list of at least one column", got=repr(value)[:200])
    return tuple(_text(f"{what}[{place}]", each) for place, each in enumerate(value))


def _history(what: str, value: Any) -> tuple[int, ...]:
    if not isinstance(value, list) or not value:
        raise ArgumentError(what, expected="a list of at least one number of rows", got=repr(value)[:200])
    return tuple(document.whole(f"{what}[{place}]", each) for place, each in enumerate(value))


def _time(what: str, value: Any) -> datetime:
    try:
        time = datetime.fromisoformat(_text(what, value))
    except ValueError:
        raise ArgumentError(what, expected="a time as 2013-07-01T00:00", got=repr(value)) from None
    return time.astimezone(UTC).replace(tzinfo=None) if time.tzinfo else time


_SHARE = {"type": "number", "minimum": 0, "maximum": 1}
_COLUMN = Key(_text, {"type": "string", "minLength": 1})
_NUMBER = Key(lambda what, value: document.number(what, value), {"type": "number"})
_PART = Key(lambda what, value: document.number(what, value, least=0, most=1), _SHARE)
_SEVERITY = Key(lambda what, value: document.choice(what, value, (ERROR, WARNING)), {"enum": [ERROR, WARNING]})
_TOLERATED = Key(lambda what, value: document.number(what, value, least=0, below=1),
                 {"type": "number", "minimum": 0, "exclusiveMaximum": 1})  # fmt: skip
_FACTOR = Key(lambda what, value: document.number(what, value, above=1), {"type": "number", "exclusiveMinimum": 1})
_WITHIN = Key(lambda what, value: timedelta(seconds=seconds_of(value, argument=what)),
              {"type": "string", "pattern": "^[1-9][0-9]{0,8}[smhdw]$"})  # fmt: skip

KINDS = {
    "range": Kind(Range, {"column": _COLUMN, "least": _NUMBER, "most": _NUMBER, "tolerated": _TOLERATED},
                  {"least": None, "most": None, "tolerated": 0.0}, one_of=("least", "most")),
    "pattern": Kind(Pattern, {"column": _COLUMN, "pattern": Key(_pattern, {"type": "string", "minLength": 1}),
                              "tolerated": _TOLERATED}, {"tolerated": 0.0}),
    "expression": Kind(Expression, {"sql": Key(_sql, {"type": "string", "minLength": 1}), "tolerated": _TOLERATED},
                       {"tolerated": 0.0}),
    "unique": Kind(Unique, {"columns": Key(_columns, {"type": "array", "items": _COLUMN.schema, "minItems": 1})}, {}),
    "freshness": Kind(Freshness, {"column": _COLUMN, "within": _WITHIN, "at": Key(_time, {"type": "string"})},
                      {"at": None}),
    "rows": Kind(Rows, {"history": Key(_history, {"type": "array", "items": {"type": "integer", "minimum": 0},
                                                  "minItems": 1}), "factor": _FACTOR}, {"factor": 2.0}),
    "balance": Kind(Balance, {"column": _COLUMN, "least": _PART, "most": _PART}, {"least": 0.0, "most": 1.0},
                    one_of=("least", "most")),
}  # fmt: skip


def parse(given: Any) -> tuple[Rule, ...]:
    """The rules of a document, in its order.

    Raises:
        ArgumentError: a type or field is unknown, lacks, or has a value that it cannot have.
    """
    if not isinstance(given, dict):
        raise ArgumentError("rules", expected="an object of rules by name", got=repr(given)[:200])
    return tuple(_rule(f"rules[{name!r}]", name, entry) for name, entry in given.items())


def _rule(what: str, name: str, entry: Any) -> Rule:
    if not isinstance(entry, dict):
        raise ArgumentError(what, expected="an object with a type", got=repr(entry)[:200])
    kind = KINDS[document.choice(f"{what}.type", entry.get("type"), tuple(KINDS))]
    keys = {**kind.keys, "severity": _SEVERITY}
    document.known(what, entry, ("type", *keys))
    values = {**kind.defaults, "severity": ERROR}
    values |= {key: keys[key].read(f"{what}.{key}", value) for key, value in entry.items() if key != "type"}
    lacking = [key for key in keys if key not in values]
    if lacking or (kind.one_of and not any(key in entry for key in kind.one_of)):
        raise ArgumentError(what, expected=f"the field {lacking[0] if lacking else ' or '.join(kind.one_of)}",
                            got=f"only {', '.join(entry)}")  # fmt: skip
    if kind.one_of and None not in (values["least"], values["most"]) and values["least"] > values["most"]:
        raise ArgumentError(f"{what}.least", expected=f"at most most, {values['most']:g}", got=f"{values['least']:g}")
    return kind.rule(name=name, **values)


def schema() -> dict[str, Any]:
    """The JSON Schema of the document, for editors and forms, made from what `parse` reads by."""
    kinds = [_kind_schema(name, kind) for name, kind in KINDS.items()]
    return {"$schema": DIALECT, "title": "Rules for a table", "type": "object",
            "additionalProperties": {"oneOf": kinds}}  # fmt: skip


def _kind_schema(name: str, kind: Kind) -> dict[str, Any]:
    properties = {"type": {"const": name}} | {key: each.schema for key, each in kind.keys.items()}
    needed = [key for key in kind.keys if key not in kind.defaults]
    found: dict[str, Any] = {"type": "object", "properties": {**properties, "severity": _SEVERITY.schema},
                             "required": ["type", *needed], "additionalProperties": False}  # fmt: skip
    return found | {"anyOf": [{"required": [key]} for key in kind.one_of]} if kind.one_of else found
