"""The judgement of a family: alarms as often as it says, at what it says, and for the member that changed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foldline.operations.monitor_predictions.natural import LEAST_NULLS, LEAST_SLICE, MOST_SLICE, chain, judge

SIMULATIONS, ALPHA = 2000, 0.05


def period(random: np.random.Generator, members: int, count: int) -> np.ndarray:
    """Heavy-tailed, dependent members: what a normal distribution would not describe."""
    shared = random.standard_t(3, (count, 1))
    return random.standard_t(3, (count, members)) + shared


@pytest.mark.parametrize(("members", "nulls"), [(1, 19), (40, 19), (12, 60)])
def test_a_quiet_period_alarms_at_most_as_often_as_alpha_says(members: int, nulls: int) -> None:
    random = np.random.default_rng(members)
    alarms = 0
    for _ in range(SIMULATIONS):
        rows = period(random, members, nulls + 1)
        alarms += judge(rows[0], rows[1:], np.full(members, 0.01), ALPHA).p <= ALPHA
    margin = 3.0 * np.sqrt(ALPHA * (1.0 - ALPHA) / SIMULATIONS)
    assert ALPHA - margin - 1.0 / (nulls + 1) <= alarms / SIMULATIONS <= ALPHA + margin


def test_the_member_that_changed_is_found_among_many() -> None:
    random = np.random.default_rng(1)
    found = others = 0
    for _ in range(200):
        rows = random.normal(size=(30, 40))
        rows[0, 7] += 8.0
        said = judge(rows[0], rows[1:], np.full(40, 0.1), ALPHA)
        found += said.adjusted[7] <= ALPHA
        others += (np.delete(said.adjusted, 7) <= ALPHA).any()
    assert found >= 195
    assert others <= 20


@given(st.integers(0, 10_000), st.integers(19, 45), st.integers(1, 6))
def test_the_threshold_is_where_the_member_begins_to_alarm(seed: int, nulls: int, members: int) -> None:
    random = np.random.default_rng(seed)
    rows = random.normal(size=(nulls + 1, members))
    said = judge(rows[0], rows[1:], np.full(members, 1e-3), ALPHA)
    for member in range(members):
        assert (said.adjusted[member] <= ALPHA) <= (rows[0, member] >= said.threshold[member] - 1e-9)


def test_what_a_period_lacks_is_not_judged_and_does_not_disturb() -> None:
    random = np.random.default_rng(2)
    rows = random.normal(size=(25, 3))
    rows[0, 1] = np.nan
    rows[3:9, 2] = np.nan
    said = judge(rows[0], rows[1:], np.full(3, 0.1), ALPHA)
    assert np.isnan(said.adjusted[1])
    assert np.isfinite(said.adjusted[[0, 2]]).all()
    nothing = judge(np.full(3, np.nan), rows[1:], np.full(3, 0.1), ALPHA)
    assert nothing.p == 1.0


def test_members_that_never_moved_do_not_alarm_by_a_hair() -> None:
    said = judge(np.array([0.0, 1e-6]), np.zeros((30, 2)), np.array([0.01, 0.01]), ALPHA)
    assert said.adjusted[0] == 1.0
    assert said.threshold[1] <= 0.01


@given(st.integers(0, 120), st.integers(1, 80))
def test_slices_are_as_wide_as_the_least_number_of_comparisons_leaves(periods: int, lag: int) -> None:
    how = chain(periods, lag)
    if how is None:
        assert periods < LEAST_NULLS + LEAST_SLICE
        return
    assert LEAST_SLICE <= how.width <= MOST_SLICE
    assert 1 <= how.lag <= lag
    assert periods - how.first >= LEAST_NULLS
    first = how.slice_before(how.first)
    assert (first.start, first.stop - first.start) == (0, how.width)
    assert how.first - (first.stop - 1) == how.lag


def test_a_steady_trend_is_no_change() -> None:
    how = chain(40, 3)
    assert how is not None
    above, last = how.against_slices(np.arange(40.0)[:, None])
    assert np.allclose(above, above[0])
    assert 42.0 - last[0] == pytest.approx(above[0, 0])
