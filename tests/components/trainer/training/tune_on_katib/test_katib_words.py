"""Words of a trial's command: what Katib is asked for, and what its answers mean."""

import math
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foldline.errors import ArgumentError
from foldline.training.search.space import Space
from foldline.training.tune_on_katib.words import Word, point_of, words_of

FLOAT = {"type": "float", "low": 0.2, "high": 0.8}
STEPS = {"type": "float", "low": 0.0, "high": 0.5, "step": 0.1}
LOG = {"type": "float", "low": 1e-4, "high": 0.1, "log": True}
INT = {"type": "int", "low": 1, "high": 10}
INT_STEPS = {"type": "int", "low": 1, "high": 9, "step": 4}
INT_LOG = {"type": "int", "low": 1, "high": 1000, "log": True}
CHOICE = {"type": "choice", "values": [[64, 64], "wide", None]}


def word_of(parameter: dict[str, Any], algorithm: str = "tpe") -> Word:
    (word,) = words_of(Space.parse({"x": parameter}), algorithm)
    return word


@pytest.mark.parametrize(
    ("parameter", "algorithm", "name", "low", "high", "count"),
    [
        (FLOAT, "tpe", "x", 0.2, 0.8, 0),
        (STEPS, "random", "x", -0.05, 0.55, 0),
        (LOG, "cmaes", "x.log10", -4.0, -1.0, 0),
        (INT, "sobol", "x", 0.5, 10.5, 0),
        (INT_STEPS, "tpe", "x", -1.0, 11.0, 0),
        (INT_LOG, "tpe", "x.log10", math.log10(0.5), math.log10(1000.5), 0),
        (CHOICE, "multivariate-tpe", "x.index", 0.0, 0.0, 3),
        (STEPS, "grid", "x.index", 0.0, 0.0, 6),
        (INT_STEPS, "grid", "x.index", 0.0, 0.0, 3),
    ],
)
def test_katib_is_asked_for_numbers_between_bounds_or_for_an_index(
    parameter: dict[str, Any], algorithm: str, name: str, low: float, high: float, count: int
) -> None:
    word = word_of(parameter, algorithm)
    assert (word.name, word.low, word.high, word.count) == (name, pytest.approx(low), pytest.approx(high), count)


@pytest.mark.parametrize(
    ("parameter", "algorithm", "text", "value"),
    [
        (FLOAT, "tpe", "0.25", 0.25),
        (STEPS, "random", "-0.05", 0.0),
        (STEPS, "random", "0.0500001", 0.1),
        (STEPS, "random", "0.55", 0.5),
        (STEPS, "random", "0.29999", 0.3),
        (LOG, "cmaes", "-4.0", 1e-4),
        (LOG, "cmaes", "-0.9999999999999", 0.1),
        (INT, "sobol", "0.5000001", 1),
        (INT, "sobol", "10.5", 10),
        (INT, "sobol", "3.5000001", 4),
        (INT_STEPS, "tpe", "2.9", 1),
        (INT_STEPS, "tpe", "10.9", 9),
        (INT_LOG, "tpe", "0", 1),
        (INT_LOG, "tpe", "2.0", 100),
        (CHOICE, "tpe", "0", [64, 64]),
        (CHOICE, "tpe", "2", None),
        (STEPS, "grid", "5", 0.5),
        (INT_STEPS, "grid", "1", 5),
    ],
)
def test_a_word_means_the_value_next_to_it(parameter: dict[str, Any], algorithm: str, text: str, value: Any) -> None:
    found = word_of(parameter, algorithm).value(text)
    assert (found, type(found)) == (value if not isinstance(value, float) else pytest.approx(value), type(value))


@pytest.mark.parametrize(
    ("parameter", "text", "expected"),
    [
        (FLOAT, "0.9", "a number from 0.2 to 0.8"),
        (FLOAT, "nan", "a number from 0.2 to 0.8"),
        (FLOAT, "rm", "a number from 0.2 to 0.8"),
        (LOG, "-4.1", "a number from -4 to -1"),
        (INT, "11", "a number from 0.5 to 10.5"),
        (CHOICE, "3", "a whole number from 0 to 2"),
        (CHOICE, "0.5", "a whole number from 0 to 2"),
        (CHOICE, "-1", "a whole number from 0 to 2"),
    ],
)
def test_a_word_that_is_not_of_the_space_is_refused(parameter: dict[str, Any], text: str, expected: str) -> None:
    with pytest.raises(ArgumentError, match=re.escape(f"expected {expected}, got {text}")):
        word_of(parameter).value(text)


def test_a_point_needs_a_word_for_each_parameter() -> None:
    words = words_of(Space.parse({"a": FLOAT, "b": INT}), "tpe")
    assert point_of(words, {"a": "0.5", "b": "2.2"}) == {"a": 0.5, "b": 2}
    with pytest.raises(ArgumentError, match="parameter 'b' of a trial"):
        point_of(words, {"a": "0.5"})


@given(st.integers(1, 50), st.integers(1, 200), st.booleans(), st.floats(0.0, 1.0))
def test_every_number_that_katib_may_propose_is_a_value_of_the_space(
    low: int, span: int, log: bool, share: float
) -> None:
    word = word_of({"type": "int", "low": low, "high": low + span, "log": log})
    assert word.value(repr(word.low + share * (word.high - word.low))) in range(low, low + span + 1)


def test_the_ends_of_whole_numbers_are_as_likely_as_the_others() -> None:
    word = word_of({"type": "int", "low": 0, "high": 3})
    at = [word.low + (index + 0.5) / 400 * (word.high - word.low) for index in range(400)]
    found = [word.value(repr(number)) for number in at]
    assert [found.count(value) for value in range(4)] == [100, 100, 100, 100]
