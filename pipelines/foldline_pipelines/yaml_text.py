"""YAML as people write it: what looks like a date, a time or `no` is text, and a name stands once in a mapping.

The plain values are those of the core schema of YAML 1.2.
"""

import re
from typing import Any

import yaml  # type: ignore[import-untyped]
from yaml import YAMLError

__all__ = ["YAMLError", "parse", "parse_compiled"]


class _Loader(yaml.SafeLoader):  # type: ignore[misc]
    """The safe loader without the plain values of YAML 1.1."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 (PyYAML's own)


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    names = [loader.construct_object(key, deep=True) for key, _ in node.value]
    twice = next((name for index, name in enumerate(names) if name in names[:index]), None)
    if twice is not None:
        raise yaml.constructor.ConstructorError(None, None, f"{twice} stands there twice", node.start_mark)
    return {name: loader.construct_object(value, deep=True) for name, (_, value) in zip(names, node.value, strict=True)}


def _whole_number(loader: _Loader, node: yaml.ScalarNode) -> int:
    return int(loader.construct_scalar(node))


def _number(loader: _Loader, node: yaml.ScalarNode) -> float:
    return float(str(loader.construct_scalar(node)).lower().replace(".inf", "inf").replace(".nan", "nan"))


for _tag, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("null", r"~|null|Null|NULL|", "~nN"),
    ("int", r"[-+]?[0-9]+", "-+0123456789"),
    (
        "float",
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        "-+.0123456789",
    ),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), list(_first))
_Loader.yaml_implicit_resolvers.setdefault("", []).append(("tag:yaml.org,2002:null", re.compile("^$")))
_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)
_Loader.add_constructor("tag:yaml.org,2002:int", _whole_number)
_Loader.add_constructor("tag:yaml.org,2002:float", _number)


def parse(text: str) -> Any:
    """The value of the one document in `text`.

    Raises:
        YAMLError: the text is no YAML, or a mapping holds a name twice.
    """
    return yaml.load(text, Loader=_Loader)


def parse_compiled(text: str) -> list[Any]:
    """The documents of a compiled pipeline, which KFP wrote in YAML 1.1.

    Raises:
        YAMLError: the text is no YAML.
    """
    # A compiled pipeline is large, and the loader in C reads it ten times as fast; not every build of PyYAML has it.
    return list(yaml.load_all(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))
