"""Decisions on simulated traffic: a thousand rollouts of 60 looks at once, through the judge's own evidence."""

import numpy as np
import pytest

from builders.simulated_traffic import KINDS, traffic
from foldline.serving.deploy_canary.judge.evidence import Counts, Evidence, compare, exceed, upper_bound

RUNS = 1000
ALPHA = BETA = 0.05
# Three standard errors of a share of 5 % in 1000 runs: what is below cannot be told from 5 %.
SLACK = 3 * (0.05 * 0.95 / RUNS) ** 0.5


def decided(null: float, threshold: float, *, not_worse: bool = False, **of_traffic: object) -> np.ndarray:
    """Requests of the challenger until the evidence decides, infinity where it never does; shape (runs,)."""
    runs = int(of_traffic.get("runs", RUNS))  # type: ignore[call-overload]
    evidence, used, until = Evidence.none(threshold, (runs,)), np.zeros(runs), np.full(runs, np.inf)
    for champion, challenger in traffic(**{"runs": runs, **of_traffic}):  # type: ignore[arg-type]
        arms = (champion, challenger) if not_worse else (challenger, champion)
        evidence = compare(evidence, *arms, null)
        used += challenger.trials
        until = np.where(np.isinf(until) & evidence.decides, used, until)
    return until


@pytest.mark.parametrize("share", [0.1, 0.5])
@pytest.mark.parametrize("rate", [0.0005, 0.005, 0.05])
@pytest.mark.parametrize("kind", KINDS)
def test_an_equal_challenger_is_reverted_no_more_often_than_alpha(kind: str, rate: float, share: float):
    until = decided(
        1.0, 1 / ALPHA, kind=kind, champion=rate, challenger=rate, requests=500, share=share, seed=KINDS.index(kind)
    )
    assert np.isfinite(until).mean() <= ALPHA


@pytest.mark.parametrize("share", [0.1, 0.5])
@pytest.mark.parametrize("requests", [100, 1000])
def test_predictions_that_differ_by_the_margin_are_reverted_no_more_often_than_alpha(requests: int, share: float):
    until = decided(
        2.0, 1 / ALPHA, kind="independent", champion=0.2, challenger=0.4, requests=requests, share=share, seed=7
    )
    assert np.isfinite(until).mean() <= ALPHA


@pytest.mark.parametrize(("gates", "most"), [(1, 320), (3, 420), (5, 500)])
def test_four_times_the_errors_at_ten_percent_are_found_within_a_few_hundred_requests(gates: int, most: int):
    until = decided(
        1.0,
        gates / ALPHA,
        kind="independent",
        champion=0.005,
        challenger=0.02,
        requests=200,
        share=0.1,
        seed=9,
        runs=3000,
    )
    assert np.median(until) <= most


@pytest.mark.parametrize("share", [0.1, 0.5])
@pytest.mark.parametrize("rate", [0.005, 0.05])
@pytest.mark.parametrize("kind", KINDS)
def test_a_challenger_at_the_margin_is_taken_for_not_worse_no_more_often_than_beta(
    kind: str, rate: float, share: float
):
    until = decided(
        0.5,
        1 / BETA,
        not_worse=True,
        kind=kind,
        champion=rate,
        challenger=2 * rate,
        requests=200,
        share=share,
        seed=KINDS.index(kind),
    )
    assert np.isfinite(until).mean() <= BETA


def test_a_challenger_at_its_tolerance_is_below_it_by_its_bound_no_more_often_than_beta():
    below = np.zeros(RUNS, dtype=bool)
    total = Counts(np.zeros(RUNS), np.zeros(RUNS))
    for _, challenger in traffic("independent", 0.005, 0.005, runs=RUNS, requests=500, share=0.5, seed=3):
        total = total + challenger
        below |= upper_bound(total, 1 / BETA) < 0.005
    assert below.mean() <= BETA + SLACK


@pytest.mark.parametrize("rate", [0.005, 0.02, 0.2])
def test_an_arm_at_its_objective_is_taken_for_failing_no_more_often_than_alpha(rate: float):
    evidence, failed = Evidence.none(1 / ALPHA, (RUNS,)), np.zeros(RUNS, dtype=bool)
    for champion, _ in traffic("independent", rate, rate, runs=RUNS, requests=500, share=0.1, seed=4):
        evidence = exceed(evidence, champion, rate)
        failed |= evidence.decides
    assert failed.mean() <= ALPHA


def test_an_equal_healthy_challenger_is_found_to_be_not_worse():
    until = decided(
        0.5,
        1 / BETA,
        not_worse=True,
        kind="independent",
        champion=0.05,
        challenger=0.05,
        requests=500,
        share=0.5,
        seed=5,
    )
    assert np.isfinite(until).mean() >= 0.99
    assert np.median(until) <= 3000


def test_a_challenger_that_turns_bad_after_a_long_quiet_time_is_still_found():
    random, evidence = np.random.default_rng(6), Evidence.none(60.0, (200,))
    looks = np.full(200, np.inf)
    for look in range(120):
        n1 = random.binomial(500, 0.1, 200)
        champion = Counts(500 - n1, random.binomial(500 - n1, 0.005))
        evidence = compare(evidence, Counts(n1, random.binomial(n1, 0.005 if look < 60 else 0.1)), champion, 1.0)
        looks = np.where(np.isinf(looks) & evidence.decides & (look >= 60), look - 59, looks)
    assert np.median(looks) <= 8
