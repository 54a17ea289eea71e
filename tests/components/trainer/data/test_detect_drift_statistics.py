"""Distances, and the family of statistics that is ranked together."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.distance import jensenshannon
from scipy.stats import binom, norm

from foldline.data.detect_drift import family
from foldline.data.detect_drift.columns import Binned, numeric_codes, quantile_edges
from foldline.data.detect_drift.distances import difference_of_roots, divergence, shares, stability_index
from foldline.data.detect_drift.joint import area
from foldline.data.detect_drift.periods import pairs_of
from foldline.data.detect_drift.rows import Rows
from foldline.step_down import adjusted

COUNTS = arrays(np.int64, (2, 7), elements=st.integers(0, 400)).filter(lambda counts: (counts.sum(axis=1) > 0).all())


@given(COUNTS)
def test_the_divergence_is_the_square_of_scipys_distance(counts: np.ndarray) -> None:
    one, other = shares(counts)
    expected = np.nan_to_num(jensenshannon(one, other, base=2)) ** 2
    assert divergence(one, other) == pytest.approx(expected, abs=1e-7)


@given(COUNTS)
def test_the_stability_index_is_its_sum_written_out(counts: np.ndarray) -> None:
    one, other = shares(counts)
    pairs = [(max(a, 1e-4), max(b, 1e-4)) for a, b in zip(one, other, strict=True)]
    assert stability_index(one, other) == pytest.approx(sum((a - b) * np.log(a / b) for a, b in pairs), abs=1e-12)


@given(COUNTS)
def test_distances_are_the_same_both_ways_and_0_from_oneself(counts: np.ndarray) -> None:
    one, other = shares(counts)
    for distance in (divergence, stability_index):
        assert distance(one, other) == pytest.approx(distance(other, one), abs=1e-12)
        assert distance(one, one) == 0.0
    assert 0.0 <= divergence(one, other) <= 1.0 + 1e-12


@given(st.lists(st.integers(-5, 5), min_size=1, max_size=30), st.lists(st.integers(-5, 5), min_size=1, max_size=30))
def test_the_area_is_the_share_of_pairs_in_order(one: list[int], other: list[int]) -> None:
    above = np.subtract.outer(one, other)
    expected = np.mean((above > 0) + 0.5 * (above == 0))
    assert area(np.array(one, float), np.array(other, float)) == pytest.approx(expected)


@given(arrays(np.float64, 60, elements=st.floats(-100, 100)), st.integers(-50, 50).map(float))
def test_bins_move_with_their_values(values: np.ndarray, step: float) -> None:
    values = np.round(values)
    one = numeric_codes(values, quantile_edges(values))
    other = numeric_codes(values + step, quantile_edges(values + step))
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("values", "bins"),
    [([3.0] * 40, [0, 40, 0, 0]), ([0.0] * 30 + [1.0] * 10, [0, 30, 10, 0, 0]), ([np.nan] * 5, [0, 5])],
    ids=["one value", "two values", "no value"],
)
def test_few_values_have_a_bin_each_and_one_below_one_above_and_one_for_missing(
    values: list[float], bins: list[int]
) -> None:
    found = np.array(values)
    edges = quantile_edges(found)
    assert np.bincount(numeric_codes(found, edges), minlength=len(edges) + 2).tolist() == bins


def test_values_that_a_slice_never_showed_are_unseen_in_earlier_periods_as_in_the_newest() -> None:
    cities = ["a"] * 6 + ["b"] * 2 + ["a"] * 6 + ["c"] * 2 + ["a"] * 6 + ["d"] * 2
    rows = Rows.of(
        pa.table({"city": cities[:16], "row_id": np.arange(16)}),
        pa.table({"city": cities[16:], "row_id": np.arange(16, 24)}),
        np.repeat([0, 1, 2], 8),
        3,
    )
    binned = Binned.of(rows.column("city"), rows.starts, 2, keep_missing=True)
    unseen = binned.names.index("unseen")
    now = {period: binned.counts(period, period - 1, period, 8)[0][unseen] for period in (1, 2)}
    assert now == {1: 2, 2: 2}


@pytest.mark.parametrize(
    ("lag", "reference", "nulls", "length"),
    [(1, 39, 26, 13), (13, 39, 23, 4), (1, 26, 22, 4), (4, 26, 19, 4), (1, 24, 20, 4), (1, 23, 19, 4)],
)
def test_a_slice_is_as_long_as_leaves_enough_pairs(lag: int, reference: int, nulls: int, length: int) -> None:
    pairs = pairs_of(lag, reference, range(reference))
    assert pairs is not None
    assert (pairs.nulls, pairs.length) == (nulls, length)
    assert pairs.slices()[-1] == (reference - length, reference)
    assert all(last == period - lag + 1 for period, (_, last) in zip(pairs.periods, pairs.slices(), strict=True))


@pytest.mark.parametrize(("lag", "reference"), [(1, 22), (5, 26), (1, 3)])
def test_too_few_pairs_are_none(lag: int, reference: int) -> None:
    assert pairs_of(lag, reference, range(reference)) is None


def test_windows_that_were_quiet_stand_for_periods_that_the_lag_takes_away() -> None:
    natural = set(range(26)) | {26, 27, 28, 29}
    pairs = pairs_of(5, 26, natural)
    assert pairs is not None
    assert pairs.nulls == 22
    assert max(last for _, last in pairs.slices()) == 26


def test_the_step_down_ranks_each_member_among_those_that_are_left() -> None:
    scores = np.array([[1.0, 0.0, 3.0], [2.0, 5.0, 0.0], [0.0, 1.0, 1.0], [9.0, 4.0, -np.inf]])
    p, thresholds = adjusted(scores, 0.25)
    # The first is ranked among 3, 5, 1; the second, without the first, among 3, 5, 1 as well; the third has no score.
    assert p.tolist() == [0.25, 0.5, 1.0]
    assert thresholds[:2].tolist() == [5.0, 5.0]


@given(arrays(np.float64, (20, 3), elements=st.floats(-10, 10)), st.integers(0, 18))
def test_the_order_of_earlier_pairs_changes_nothing(scores: np.ndarray, turn: int) -> None:
    turned = np.concatenate([np.roll(scores[:-1], turn, axis=0), scores[-1:]])
    for one, other in zip(adjusted(scores, 0.05), adjusted(turned, 0.05), strict=True):
        np.testing.assert_array_equal(one, other)


@given(arrays(np.float64, (20, 3), elements=st.floats(-10, 10)))
def test_adjusted_p_values_fall_with_the_scores_and_thresholds_decide_as_they_do(scores: np.ndarray) -> None:
    p, thresholds = adjusted(scores, 0.05)
    order = np.argsort(-scores[-1], kind="stable")
    assert (np.diff(p[order]) >= 0).all()
    first = order[0]
    assert (p[first] <= 0.05) == (scores[-1, first] > thresholds[first])


@settings(max_examples=30)
@given(st.integers(0, 10_000))
def test_a_change_counts_less_along_a_direction_in_which_the_shares_move_anyway(seed: int) -> None:
    random = np.random.default_rng(seed)
    rows, periods = 2000, np.arange(25)
    usual = np.zeros(20)
    usual[:2] = 0.5, -0.5
    other = np.roll(usual, 10)
    moves = random.normal(size=(25, 1)) * 0.2 * usual + random.normal(size=(25, 20)) / np.sqrt(rows)
    found = []
    for direction in (usual, other):
        moves[-1] = 0.4 * direction
        found.append(family.deviation(moves, periods, rows)[-1])
    assert found[1] > 1.2 * found[0]


def _false_alarms(simulations: int, reference: int, alike: float, seed: int) -> int:
    """Windows that alarm among stationary series of four correlated columns, each a normal distribution in 20 bins."""
    random = np.random.default_rng(seed)
    edges = norm.ppf(np.linspace(0.0, 1.0, 21)[1:-1])
    pairs = pairs_of(1, reference, range(reference))
    assert pairs is not None
    first = np.array([begin for begin, _ in pairs.slices()])
    steps = random.normal(size=(simulations, reference + 21, 4)) @ np.linalg.cholesky(0.5 + 0.5 * np.eye(4)).T
    means = np.zeros_like(steps)
    for period in range(1, reference + 21):
        means[:, period] = alike * means[:, period - 1] + np.sqrt(1.0 - alike**2) * steps[:, period]
    below = norm.cdf(edges - 0.25 * means[:, 20:, :, None])
    chances = np.diff(below, axis=-1, prepend=0.0, append=1.0)
    counts = random.multinomial(1000, chances)
    alarms = 0
    for series in counts:
        total = np.concatenate([np.zeros((1, 4, 20), dtype=np.int64), np.cumsum(series, axis=0)])
        now, before = shares(series[pairs.periods]), shares(total[first + pairs.length] - total[first])
        roots = difference_of_roots(now, before)
        statistics = np.stack([family.deviation(roots[:, one], pairs.periods, 1000) for one in range(4)], axis=1)
        scores = family.standardised(statistics, np.full(4, family.deviation_noise(len(pairs.periods))))
        p, _ = adjusted(family.material(scores, divergence(now, before), np.full(4, 0.01)), 0.05)
        alarms += bool(p.min() <= 0.05)
    return alarms


@pytest.mark.parametrize(("reference", "alike"), [(26, 0.0), (39, 0.0), (39, 0.5)])
def test_one_window_in_twenty_at_most_alarms_while_nothing_but_natural_variation_is_there(
    reference: int, alike: float
) -> None:
    simulations = 700
    alarms = _false_alarms(simulations, reference, alike, seed=reference)
    assert alarms <= binom.ppf(0.99, simulations, 0.05)
