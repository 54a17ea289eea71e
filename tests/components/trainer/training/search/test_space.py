"""Points of a space: their values, their conditions, and all of them."""

import math
from typing import Any

import pytest

from foldline.errors import ArgumentError
from foldline.training.search.definition import Definition
from foldline.training.search.space import Space

STEPS = {"type": "float", "low": 0.0, "high": 0.3, "step": 0.1}
DEPTH = {"type": "int", "low": 1, "high": 2}
RATE = {"type": "float", "low": 0.1, "high": 1.0, "when": {"parameter": "depth", "in": [2]}}
NESTED = {
    "depth": DEPTH,
    "second": {"type": "choice", "values": ["a", "b"], "when": {"parameter": "depth", "in": [2]}},
    "third": {"type": "choice", "values": [1, True, [1]], "when": {"parameter": "second", "in": ["b"]}},
}


def space(**parameters: Any) -> Space:
    return Definition.parse({"space": parameters}).space


@pytest.mark.parametrize(
    ("parameter", "values"),
    [
        (STEPS, [0.0, 0.1, 0.2, 0.3]),
        (DEPTH, [1, 2]),
        ({"type": "int", "low": 8, "high": 24, "step": 8}, [8, 16, 24]),
        ({"type": "choice", "values": ["b", [1.0, 2], {"k": None}]}, ["b", [1, 2], {"k": None}]),
        (RATE | {"when": None}, None),
    ],
)
def test_the_values_of_a_parameter(parameter: dict[str, Any], values: list[Any] | None) -> None:
    assert space(one=parameter)["one"].values() == values


@pytest.mark.parametrize(
    ("parameter", "given", "value"),
    [
        (STEPS, 0.30000000000000004, 0.3),
        (STEPS, 0, 0.0),
        (DEPTH, 2.0, 2),
        ({"type": "choice", "values": [[64, 64], [128]]}, [64.0, 64.0], [64, 64]),
        ({"type": "choice", "values": [1, True]}, True, True),
    ],
)
def test_a_value_gets_the_type_of_its_parameter(parameter: dict[str, Any], given: Any, value: Any) -> None:
    cast = space(one=parameter)["one"].cast(given)
    assert cast == value
    assert type(cast) is type(value)


@pytest.mark.parametrize(
    ("parameter", "given", "said"),
    [
        (STEPS, 0.15, "0 to 0.3 in steps of 0.1"),
        (STEPS, 0.4, "0 to 0.3 in steps of 0.1, got 0.4"),
        (STEPS, "0.1", "a number"),
        (DEPTH, 1.5, "a whole number"),
        (DEPTH, 3, "1 to 2, got 3"),
        ({"type": "int", "low": 8, "high": 24, "step": 8}, 12, "8 to 24 in steps of 8"),
        ({"type": "choice", "values": ["a", "b"]}, "c", 'one of \\["a", "b"\\]'),
    ],
)
def test_a_value_of_no_parameter_is_refused(parameter: dict[str, Any], given: Any, said: str) -> None:
    with pytest.raises(ArgumentError, match=said):
        space(one=parameter)["one"].cast(given)


def test_a_grid_has_every_point_once_and_a_parameter_only_where_its_condition_holds() -> None:
    nested = space(**NESTED)
    points = list(nested.points())
    assert points == [
        {"depth": 1},
        {"depth": 2, "second": "a"},
        {"depth": 2, "second": "b", "third": 1},
        {"depth": 2, "second": "b", "third": True},
        {"depth": 2, "second": "b", "third": [1]},
    ]
    assert nested.size() == 5
    assert space(a=STEPS, b=DEPTH).size() == 8


def test_a_space_with_a_range_has_no_end() -> None:
    endless = space(depth=DEPTH, rate=RATE)
    assert endless.size() == math.inf
    with pytest.raises(ArgumentError, match="parameter 'rate': expected a step"):
        list(endless.points())


@pytest.mark.parametrize(
    ("given", "whole", "said"),
    [
        (
            {"depth": 1, "second": "a"},
            False,
            "'second' of a trial: expected no value, since 'depth' is none of \\[2\\]",
        ),
        ({"second": "a"}, False, "expected no value"),
        ({"depth": 2}, True, "'second' of a trial: expected a value, got none"),
        ({"deep": 2}, True, "Did you mean 'depth'"),
    ],
)
def test_a_point_that_cannot_be_is_refused(given: dict[str, Any], whole: bool, said: str) -> None:
    with pytest.raises(ArgumentError, match=said):
        space(**NESTED).point(given, "a trial", whole=whole)


def test_a_part_of_a_point_may_be_left_open() -> None:
    nested = space(**NESTED)
    assert nested.point({"depth": 2.0}, "a trial", whole=False) == {"depth": 2}
    assert nested.point({"second": "a", "depth": 2}, "a trial", whole=True) == {"depth": 2, "second": "a"}
