"""Requests, repeated rows and latency against their own past."""

import numpy as np
import pytest

from foldline.operations.monitor_predictions.policy import Policy
from foldline.operations.monitor_predictions.traffic import ALIKE, REQUESTS, judge_traffic

POLICY = Policy()


def figures(random: np.random.Generator, periods: int = 60, growth: float = 0.02) -> dict[str, np.ndarray]:
    """A service that grows, is used less at weekends and varies from day to day."""
    day = np.arange(periods)
    level = 1000.0 * np.exp(growth * day) * np.where(day % 7 < 5, 1.0, 0.5) * random.lognormal(0.0, 0.1, periods)
    return {
        REQUESTS: random.poisson(level).astype(float),
        ALIKE: random.beta(2.0, 2000.0, periods),
        "latency p95 ms": 20.0 * random.lognormal(0.0, 0.1, periods),
        "unanswered": random.beta(2.0, 5000.0, periods),
    }


def test_growth_and_weekends_are_seldom_an_alert() -> None:
    random = np.random.default_rng(0)
    simulations = 300
    raised = sum(bool(judge_traffic(figures(random), POLICY).alerts) for _ in range(simulations))
    assert raised / simulations <= 0.05


@pytest.mark.parametrize(
    ("name", "change", "expected"),
    [
        (REQUESTS, lambda values: values * 12.0, REQUESTS),
        (REQUESTS, lambda values: values * 0.0, REQUESTS),
        (ALIKE, lambda values: values + 0.3, ALIKE),
        ("latency p95 ms", lambda values: values * 8.0, "latency p95 ms"),
        ("unanswered", lambda values: values + 0.4, "unanswered"),
    ],
)
def test_a_change_of_two_periods_is_an_alert_and_of_one_is_none(name: str, change: object, expected: str) -> None:
    assert callable(change)
    found = once = 0
    for seed in range(40):
        changed = figures(np.random.default_rng(seed))
        changed[name][-1:] = change(changed[name][-1:])
        once += bool(judge_traffic(changed, POLICY).alerts)
        changed[name][-2:-1] = change(changed[name][-2:-1])
        found += [member.name for member in judge_traffic(changed, POLICY).alerts] == [expected]
    assert found >= 37
    assert once <= 3


def test_a_change_that_went_away_again_is_no_alert() -> None:
    changed = figures(np.random.default_rng(0))
    changed[REQUESTS][-3:-1] *= 12.0
    found = judge_traffic(changed, POLICY)
    assert {member.name: member.alarms for member in found.members}[REQUESTS] == 2
    assert found.alerts == ()


def test_fewer_repeated_rows_or_less_latency_are_no_alert() -> None:
    changed = figures(np.random.default_rng(1))
    changed["latency p95 ms"][-3:] /= 10.0
    changed[ALIKE][-3:] = 0.0
    assert judge_traffic(changed, POLICY).alerts == ()


def test_what_was_before_the_log_began_is_unknown() -> None:
    short = figures(np.random.default_rng(2))
    short[REQUESTS][:40] = 0.0
    found = judge_traffic(short, POLICY)
    assert found.members == ()
    assert found.problem.startswith("19 earlier periods are needed")
    none = {REQUESTS: np.zeros(60)}
    assert judge_traffic(none, POLICY).problem
