"""Inferred schemas: what counts as a usual number and a usual share of missing values."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foldline.data.validate_data.schema import most_missing, usual_range

RANDOM = np.random.default_rng(4)


@pytest.mark.parametrize(
    ("missing", "most"), [(0.0, 0.05), (0.1, 0.15), (0.2, 0.3), (0.5, 0.75), (0.8, 0.9), (0.98, 1.0), (1.0, 1.0)]
)
def test_half_as_much_more_may_be_missing(missing: float, most: float) -> None:
    assert most_missing(missing) == pytest.approx(most)


@given(st.floats(0.0, 1.0))
def test_a_column_of_a_schema_may_always_miss_what_it_missed_and_never_more_than_all(missing: float) -> None:
    assert missing <= most_missing(missing) <= 1.0


NUMBERS = st.lists(st.floats(-1e12, 1e12), min_size=1, max_size=200)


@given(NUMBERS, st.booleans())
def test_every_value_is_within_the_range_that_it_gives(values: list[float], whole: bool) -> None:
    numbers = np.round(values) if whole else np.asarray(values)
    found = usual_range(numbers, whole)
    if found:
        slack = 1e-9 * (1.0 + np.abs(numbers).max())
        assert found[0] <= numbers.min() + slack
        assert found[1] >= numbers.max() - slack
        assert found[0] >= 0.0 or numbers.min() < 0.0


LONG_TAIL = RANDOM.gamma(1.0, 40.0, 50_000) - 20.0
MONTHS = RANDOM.integers(1, 7, 5_000).astype(float)


@pytest.mark.parametrize(
    ("values", "whole", "fine", "wrong"),
    [
        (LONG_TAIL, False, [LONG_TAIL.max() * 1.5, -35.0], [-LONG_TAIL.max(), -999.0, LONG_TAIL.max() * 10]),
        (MONTHS, True, [0, 7, 12], [-1, 99]),
        (np.append(RANDOM.normal(0, 1, 5_000), 1e9), False, [1e9, 8.0], [1.1e9, -40.0]),
    ],
    ids=["long tail", "months of half a year", "one wrong number"],
)
def test_a_range_takes_what_comes_next_and_no_fault(
    values: np.ndarray, whole: bool, fine: list[float], wrong: list[float]
) -> None:
    found = usual_range(values, whole)
    assert found is not None
    assert all(found[0] <= each <= found[1] for each in fine)
    assert not any(found[0] <= each <= found[1] for each in wrong)


@pytest.mark.parametrize("values", [[], [2013.0] * 9, np.arange(200.0)], ids=["none", "one value", "a counter"])
def test_numbers_that_say_nothing_about_the_next_have_no_range(values: list[float]) -> None:
    assert usual_range(np.asarray(values), True) is None
