"""Evidence beside the same figures computed another way."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foldline.serving.deploy_canary.judge.evidence import (
    ALTERNATIVES,
    LOG_PRIOR,
    Counts,
    Evidence,
    compare,
    exceed,
    upper_bound,
)

PRIOR = np.exp(LOG_PRIOR)
RETURN = 0.05
NEVER = 1e12  # A threshold whose cap is out of reach.


def binomial(n: int, p: float) -> np.ndarray:
    return np.array([math.comb(n, k) * p**k * (1.0 - p) ** (n - k) for k in range(n + 1)])


def hypergeometric(trials: int, suspect: int, events: int, odds: float = 1.0) -> np.ndarray:
    """Law of the suspect's events, given all events, where each of its trials has `odds` times the control's odds."""
    weights = np.array(
        [
            math.comb(suspect, k) * math.comb(trials - suspect, events - k) * odds**k
            if k <= suspect and events - k <= trials - suspect
            else 0.0
            for k in range(events + 1)
        ]
    )
    return weights / weights.sum()


def factors(trials: int, suspect: int, events: int, *, null: float = 1.0, threshold: float = NEVER) -> np.ndarray:
    """The factor of a first window, for each number of the suspect's events that there can be."""
    k = np.arange(events + 1)
    begun = Evidence.none(threshold, k.shape)
    after = compare(begun, Counts(np.full(k.shape, suspect), k), Counts(trials - suspect, events - k), null)
    return np.exp(after.log_value)


def test_one_event_is_worth_the_mixture_of_its_likelihood_ratios():
    share, null = 0.1, 1.0
    at_suspect, at_control = (
        sum(
            weight * ratio_of
            for weight, ratio_of in zip(
                PRIOR,
                [
                    (r * share / (r * share + 0.9)) / share if suspect else (0.9 / (r * share + 0.9)) / 0.9
                    for r in ALTERNATIVES * null
                ],
                strict=True,
            )
        )
        for suspect in (True, False)
    )
    assert factors(1000, 100, 1) == pytest.approx([at_control, at_suspect], rel=1e-12)


def test_evidence_of_two_windows_is_the_sum_over_all_paths_of_alternatives():
    windows, rate = [(50, 1), (40, 2)], 0.02
    odds = ALTERNATIVES * rate / (1.0 - rate)
    each = odds / (1.0 + odds)

    def likelihood(place: int, alternative: int) -> float:
        n, k = windows[place]
        return (each[alternative] / rate) ** k * ((1.0 - each[alternative]) / (1.0 - rate)) ** (n - k)

    expected = sum(
        PRIOR[i] * likelihood(0, i) * ((1.0 - RETURN) * (i == j) + RETURN * PRIOR[j]) * likelihood(1, j)
        for i, j in itertools.product(range(len(PRIOR)), repeat=2)
    )
    evidence = Evidence.none(NEVER)
    for n, k in windows:
        evidence = exceed(evidence, Counts(n, k), rate)
    assert float(evidence.value) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("odds", [0.2, 0.7, 1.0])
@pytest.mark.parametrize("threshold", [20.0, 60.0, NEVER])
def test_no_window_is_expected_to_add_evidence_against_a_suspect_that_is_not_worse(threshold: float, odds: float):
    for trials, suspect, events in itertools.product((20, 60, 200), (1, 2, 6, 10, 15), (1, 2, 5, 12, 19)):
        expected = hypergeometric(trials, suspect, events, odds) @ factors(trials, suspect, events, threshold=threshold)
        assert expected <= 1.0 + 1e-12


def test_the_binomial_law_and_the_true_hypergeometric_law_expect_the_same_of_a_bet():
    for trials, suspect, events in [(20, 2, 19), (200, 20, 100), (60, 30, 45)]:
        bets = factors(trials, suspect, events)
        assert binomial(events, suspect / trials) @ bets == pytest.approx(1.0, abs=1e-12)
        assert hypergeometric(trials, suspect, events) @ bets == pytest.approx(1.0, abs=1e-12)


def test_a_likelihood_ratio_expects_less_under_the_hypergeometric_law_than_under_the_binomial_one():
    """Hoeffding (1963): the ratio is convex in the count. The stakes of the bets come from such ratios."""
    trials, suspect, events = 60, 30, 45
    theta = 4.0 * 0.5 / (4.0 * 0.5 + 0.5)
    ratio = np.array([(theta / 0.5) ** k * ((1.0 - theta) / 0.5) ** (events - k) for k in range(events + 1)])
    assert binomial(events, 0.5) @ ratio == pytest.approx(1.0)
    assert hypergeometric(trials, suspect, events) @ ratio < 0.01


def test_a_burst_that_hits_one_arm_in_proportion_to_its_share_is_not_expected_to_add_evidence():
    for events in (1, 3, 30, 90):
        bets = factors(1000, 100, events)
        assert 0.1 * bets[-1] + 0.9 * bets[0] == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("margin", [1.5, 2.0])
@pytest.mark.parametrize("rate", [0.005, 0.05, 0.24])
def test_at_the_margin_no_window_is_expected_to_add_evidence(rate: float, margin: float):
    """Exact law of both arms. Not worse: fair or less. Different (a gate of drift): fair to the second order."""
    for n1, n0 in [(10, 90), (50, 50), (40, 160), (100, 100)]:
        p1, p0 = binomial(n1, margin * rate), binomial(n0, rate)
        k1, k0 = np.meshgrid(np.arange(n1 + 1), np.arange(n0 + 1), indexing="ij")
        champion, challenger, begun = Counts(n0, k0), Counts(n1, k1), Evidence.none(20.0, k1.shape)
        not_worse = compare(begun, champion, challenger, 1.0 / margin)
        different = compare(begun, challenger, champion, margin)
        assert p1 @ np.exp(not_worse.log_value) @ p0 <= 1.0 + 1e-12
        assert p1 @ np.exp(different.log_value) @ p0 <= 1.008


@given(
    n0=st.integers(0, 10**6), n1=st.integers(0, 10**6), f0=st.floats(0, 1), f1=st.floats(0, 1), null=st.floats(0.1, 4)
)
@settings(deadline=None)
def test_evidence_stays_finite_and_one_window_never_decides(n0: int, n1: int, f0: float, f1: float, null: float):
    counts = Counts(n1, int(f1 * n1)), Counts(n0, int(f0 * n0))
    after = compare(Evidence.none(20.0), *counts, null)
    assert np.isfinite(after.log_value)
    assert np.isfinite(after.log_weights).all()
    assert np.exp(after.log_weights).sum() == pytest.approx(1.0)
    assert not after.decides
    assert float(after.value) <= 20.0**0.5 * (1 + 1e-12)
    above = exceed(Evidence.none(20.0), counts[0], 0.02)
    assert np.isfinite(above.log_value)
    assert not above.decides


@pytest.mark.parametrize(
    ("suspect", "control"), [((0, 0), (500, 20)), ((500, 20), (0, 0)), ((100, 0), (900, 0)), ((0, 0), (0, 0))]
)
def test_without_trials_of_both_arms_or_without_events_nothing_is_learnt(suspect: tuple, control: tuple):
    begun = compare(Evidence.none(20.0), Counts(100, 3), Counts(900, 9), 1.0)
    after = compare(begun, Counts(*suspect), Counts(*control), 1.0)
    assert float(after.log_value) == float(begun.log_value)
    assert after.log_weights.tolist() == begun.log_weights.tolist()


def test_rollouts_side_by_side_have_the_evidence_that_each_has_alone():
    windows = [(np.array([100, 300]), np.array([4, 0])), (np.array([100, 200]), np.array([0, 9]))]
    together, alone = Evidence.none(20.0, (2,)), [Evidence.none(20.0), Evidence.none(20.0)]
    for trials, events in windows:
        together = compare(together, Counts(trials, events), Counts(900, 6), 1.0)
        alone = [
            compare(evidence, Counts(int(n), int(k)), Counts(900, 6), 1.0)
            for evidence, n, k in zip(alone, trials, events, strict=True)
        ]
    assert together.log_value.tolist() == pytest.approx([float(evidence.log_value) for evidence in alone], rel=1e-12)


def test_two_windows_of_a_broken_challenger_decide():
    evidence = Evidence.none(20.0)
    for _ in range(2):
        evidence = compare(evidence, Counts(100, 60), Counts(900, 1), 1.0)
    assert evidence.decides


@pytest.mark.parametrize(("trials", "bound"), [(600, 0.0052), (623, 0.005), (3000, 0.00104)])
def test_without_events_the_upper_bound_is_where_that_has_a_chance_of_about_one_in_twenty(trials: int, bound: float):
    found = float(upper_bound(Counts(trials, 0), 20.0))
    assert found == pytest.approx(bound, rel=0.03)
    direct = [
        weight * ((1.0 - fraction * found) / (1.0 - found)) ** trials
        for weight, fraction in zip([0.88] + [0.02] * 6, [0.0, 0.1, 0.2, 0.35, 0.5, 0.7, 0.85], strict=True)
    ]
    assert sum(direct) == pytest.approx(20.0, rel=1e-6)


def test_the_upper_bound_is_above_the_rate_and_falls_with_trials():
    trials = np.array([0, 10, 100, 1000, 10_000, 100_000, 1_000_000])
    bound = upper_bound(Counts(trials, trials // 100), 20.0)
    assert bound[0] == 1.0
    assert (np.diff(bound) < 0).all()
    assert (bound[1:] > 0.01).all()
    assert bound[-1] < 0.012
    assert float(upper_bound(Counts(50, 50), 20.0)) == 1.0
