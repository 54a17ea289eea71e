"""Durations as people write them."""

from typing import Any

import pytest

from foldline.durations import seconds_of
from foldline.errors import ArgumentError


@pytest.mark.parametrize(
    ("text", "seconds"), [("1s", 1), ("90m", 5400), (" 12h ", 43_200), ("7d", 604_800), ("2w", 1_209_600)]
)
def test_a_duration_is_a_number_and_a_unit(text: str, seconds: int) -> None:
    assert seconds_of(text, argument="every") == seconds


@pytest.mark.parametrize("text", ["", "0d", "7", "d", "1.5h", "-1d", "1 d", "1y", "1234567890s", 7, None])
def test_anything_else_is_refused_by_the_name_of_its_parameter(text: Any) -> None:
    with pytest.raises(ArgumentError, match="every: expected a whole number with s, m, h, d or w"):
        seconds_of(text, argument="every")
