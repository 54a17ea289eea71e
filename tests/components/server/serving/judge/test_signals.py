"""What each gate counts."""

from typing import Any

import pytest

from builders.simulated_traffic import arm
from foldline.serving.deploy_canary.gate import Gate, parse_gates
from foldline.serving.deploy_canary.judge.signals import Reference, count, event
from foldline.serving.deploy_canary.judge.windows import between
from foldline.serving.reading import ArmReading, Histogram, Reading

NOTHING = arm(latency_ms=(0,) * 7, invalid=0, refused=0, predictions=(0,) * 7)


def gate(**entry: Any) -> Gate:
    return parse_gates([entry])[0]


def window(champion: ArmReading | None, challenger: ArmReading | None, **measured: Any):
    before = dict.fromkeys(measured, 0)
    return between(Reading(0.0, NOTHING, NOTHING, **before), Reading(5.0, champion, challenger, **measured))


def counted(gate: Gate, *arms: ArmReading | None, reference: Reference | None = None, **measured: Any):
    """((trials, events) of champion and of challenger or None, problem)."""
    pair, _, problem = count(gate, reference or Reference(), window(*arms, **measured))
    if pair is None:
        return None, problem
    return tuple((one.trials, one.events) for one in (pair.champion, pair.challenger)), problem


def test_errors_are_of_requests_and_invalid_answers_too():
    arms = arm(900, 9, invalid=4, refused=8), arm(100, 3, invalid=2, refused=1)
    assert counted(gate(signal="errors"), *arms) == (((900, 9), (100, 3)), "")
    assert counted(gate(signal="invalid"), *arms) == (((900, 4), (100, 2)), "")
    assert counted(gate(signal="refused"), *arms) == (((900, 8), (100, 1)), "")


def test_requests_that_no_server_got_are_errors_of_the_challenger():
    errors = gate(signal="errors")
    assert counted(errors, arm(900, 9), arm(60, 3), unserved=40)[0] == ((900, 9), (100, 43))
    assert counted(errors, arm(900, 9), None, unserved=100)[0] == ((900, 9), (100, 100))
    assert counted(errors, arm(900, 9), None, unserved=0)[0] is None


def test_router_errors_that_were_not_read_are_no_evidence_for_the_challenger():
    before = Reading(0.0, NOTHING, NOTHING, unserved=5)
    pair, _, problem = count(
        gate(signal="errors"), Reference(), between(before, Reading(5.0, arm(900, 9), arm(100, 0), unserved=None))
    )
    assert pair is None
    assert "router itself were not read" in problem


@pytest.mark.parametrize("signal", ["invalid", "refused", "latency", "drift", "disagreement"])
def test_what_is_not_measured_is_no_evidence(signal: str):
    entry = {"signal": signal, **({"tolerance": 0.1} if signal == "disagreement" else {})}
    pair, problem = counted(gate(**entry), arm(900, 9), arm(100, 1))
    assert pair is None
    assert problem


def test_disagreement_is_of_compared_requests():
    disagreement = gate(signal="disagreement", tolerance=0.1)
    assert counted(disagreement, arm(1), arm(1), compared=50, disagreeing=4)[0] == ((0, 0), (50, 4))
    assert counted(disagreement, None, None, compared=50, disagreeing=4)[0] == ((0, 0), (50, 4))


@pytest.mark.parametrize(("limit", "slow"), [(25, (70, 40)), (20, (70, 40)), (10, (170, 45)), (9, (170, 45))])
def test_slow_is_above_the_first_edge_that_is_not_below_the_limit(limit: float, slow: tuple[int, int]):
    arms = arm(900, latency_ms=(500, 200, 30, 100, 70, 0, 0)), arm(100, latency_ms=(50, 0, 5, 5, 30, 10, 0))
    pair, _ = counted(gate(signal="latency", slower_than_ms=limit), *arms)
    assert pair == ((900, slow[0]), (100, slow[1]))


def test_a_limit_above_the_last_edge_cannot_be_judged():
    arms = arm(900, latency_ms=(900, 0, 0, 0, 0, 0, 0)), arm(100, latency_ms=(100, 0, 0, 0, 0, 0, 0))
    pair, problem = counted(gate(signal="latency", slower_than_ms=200), *arms)
    assert pair is None
    assert "no latency above 100 ms is told apart" in problem


def test_the_quantile_is_frozen_from_a_window_that_is_not_counted():
    latency = gate(signal="latency", champion_quantile=0.95)
    arms = arm(900, latency_ms=(500, 300, 60, 40, 0, 0, 0)), arm(100, latency_ms=(0, 0, 0, 0, 0, 0, 100))
    pair, reference, problem = count(latency, Reference(), window(*arms))
    assert pair is None
    assert "frozen with this look" in problem
    assert (reference.frozen, reference.high) == (True, 10.0)
    assert event(latency, reference) == "slower than 10 ms"
    faster = arm(900, latency_ms=(900, 0, 0, 0, 0, 0, 0))
    assert counted(latency, faster, arms[1], reference=reference)[0] == ((900, 0), (100, 100))


def test_the_quantile_waits_for_enough_values_of_the_champion():
    latency = gate(signal="latency", champion_quantile=0.95)
    reference, seen = Reference(), []
    for _ in range(3):
        pair, reference, problem = count(latency, reference, window(arm(80, latency_ms=(70, 10, 0, 0, 0, 0, 0)), None))
        assert pair is None
        seen.append((reference.frozen, problem))
    assert [frozen for frozen, _ in seen] == [False, False, True]
    assert "80 of the 200 values" in seen[0][1]
    assert reference.high == 5.0


def test_a_quantile_beyond_the_last_edge_is_not_frozen():
    slow = arm(900, latency_ms=(0, 0, 0, 0, 0, 500, 400))
    pair, reference, problem = count(gate(signal="latency"), Reference(), window(slow, None))
    assert pair is None
    assert not reference.frozen
    assert "over 5.0% of the champion's answers take more than 100 ms" in problem


def test_drift_is_outside_the_champions_central_range():
    drift = gate(signal="drift")
    champion = arm(1000, predictions=(50, 40, 300, 400, 150, 60, 0))
    _, reference, _ = count(drift, Reference(), window(champion, None))
    assert (reference.low, reference.high) == (5.0, 50.0)
    assert event(drift, reference) == "prediction up to 5 or above 50"
    constant = arm(100, predictions=(0, 0, 0, 100, 0, 0, 0))
    assert counted(drift, champion, constant, reference=reference)[0] == ((1000, 150), (100, 0))


def test_bins_too_wide_for_a_central_range_are_named():
    halves = Histogram((1.0,), (500, 500))
    before, after = (
        Reading(at, ArmReading("1", 0, 0, predictions=values), None)
        for at, values in ((0.0, Histogram((1.0,), (0, 0))), (5.0, halves))
    )
    pair, reference, problem = count(gate(signal="drift"), Reference(), between(before, after))
    assert pair is None
    assert not reference.frozen
    assert "too wide" in problem


def test_arms_with_different_bins_are_not_compared():
    def reading(at: float, champion: int, challenger: int) -> Reading:
        arms = Histogram((1.0, 5.0), (champion, 0, 0)), Histogram((1.0, 9.0), (challenger, 0, 0))
        return Reading(at, *(ArmReading("1", one.total, 0, latency_ms=one) for one in arms))

    window = between(reading(0.0, 0, 0), reading(5.0, 900, 100))
    pair, _, problem = count(gate(signal="latency", slower_than_ms=1), Reference(), window)
    assert pair is None
    assert problem == "latency: the arms have different bins"


def test_a_frozen_edge_that_the_bins_no_longer_have_is_no_evidence():
    arms = (arm(n, latency_ms=(n, 0, 0, 0, 0, 0, 0)) for n in (900, 100))
    pair, problem = counted(gate(signal="latency"), *arms, reference=Reference(frozen=True, high=7.0))
    assert pair is None
    assert "not those that the champion's range was frozen with" in problem
