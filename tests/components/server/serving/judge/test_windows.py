"""What two readings tell, and what they do not."""

from dataclasses import replace

import pytest

from builders.simulated_traffic import EDGES, arm
from foldline.serving.deploy_canary.judge.judge import Judge
from foldline.serving.deploy_canary.judge.windows import between
from foldline.serving.deploy_canary.policy import Policy
from foldline.serving.reading import Histogram, Reading

BEFORE = Reading(
    10.0,
    arm(900, 9, latency_ms=(800, 50, 50, 0, 0, 0, 0), invalid=1),
    arm(100, 1, latency_ms=(90, 5, 5, 0, 0, 0, 0), invalid=0),
    unserved=2,
    compared=50,
    disagreeing=5,
)
AFTER = Reading(
    15.0,
    arm(1800, 19, latency_ms=(1600, 100, 90, 10, 0, 0, 0), invalid=1),
    arm(220, 5, latency_ms=(190, 15, 5, 0, 0, 0, 10), invalid=2),
    unserved=3,
    compared=80,
    disagreeing=6,
)


def test_a_window_is_the_difference_of_all_counters():
    window = between(BEFORE, AFTER)
    assert (window.seconds, window.problem) == (5.0, "")
    assert (window.champion.requests, window.champion.errors, window.champion.invalid) == (900, 10, 0)
    assert (window.challenger.requests, window.challenger.errors, window.challenger.invalid) == (120, 4, 2)
    assert window.challenger.latency_ms == Histogram(EDGES, (100, 10, 0, 0, 0, 0, 10))
    assert (window.unserved, window.compared, window.disagreeing) == (1, 30, 1)


def test_counters_that_began_anew_count_from_zero():
    after = replace(AFTER, challenger=arm(30, 2, epoch="2", latency_ms=(28, 0, 0, 0, 0, 0, 0), invalid=1))
    window = between(BEFORE, after)
    assert (window.challenger.requests, window.challenger.errors, window.challenger.invalid) == (30, 2, 1)
    assert window.challenger.latency_ms.total == 28
    assert window.problem == ""


@pytest.mark.parametrize(
    ("challenger", "words"),
    [
        (arm(50, 1), "requests fell from 100 to 50 without a new epoch"),
        (arm(200, 0), "errors fell from 1 to 0 without a new epoch"),
        (arm(200, 1, latency_ms=(80, 5, 5, 0, 0, 0, 0)), "latency_ms fell without a new epoch"),
        (arm(101, 5), "4 errors in 1 requests"),
        (arm(101, 1, invalid=3), "3 invalid in 1 requests"),
        (None, "no counters of the challenger"),
    ],
)
def test_counters_that_cannot_be_true_are_no_evidence(challenger: object, words: str):
    window = between(BEFORE, replace(AFTER, challenger=challenger))
    assert window.challenger is None
    assert words in window.problem
    assert window.champion is not None


def test_the_reason_for_missing_counters_is_kept():
    window = between(BEFORE, replace(AFTER, champion=None, challenger=None, problem="Prometheus does not answer"))
    assert window.champion is window.challenger is None
    assert "no counters of the champion: Prometheus does not answer" in window.problem


@pytest.mark.parametrize(
    ("champion", "challenger", "words"),
    [
        (BEFORE.champion, AFTER.challenger, "no requests of the champion while the challenger had 120"),
        (AFTER.champion, BEFORE.challenger, "no requests of the challenger while the champion had 900"),
        (BEFORE.champion, BEFORE.challenger, "neither arm had a request"),
    ],
)
def test_counters_that_stand_still_are_named(champion: object, challenger: object, words: str):
    assert words in between(BEFORE, replace(AFTER, champion=champion, challenger=challenger)).problem


@pytest.mark.parametrize("at", [10.0, 9.0])
def test_a_reading_that_is_not_later_tells_nothing(at: float):
    window = between(BEFORE, replace(AFTER, at=at))
    assert window.champion is window.challenger is window.unserved is None
    assert "not later than the first" in window.problem


@pytest.mark.parametrize(("unserved", "words"), [(None, "were not read at both ends"), (1, "fell from 2 to 1")])
def test_errors_of_the_router_that_are_not_known_are_named(unserved: int | None, words: str):
    window = between(BEFORE, replace(AFTER, unserved=unserved))
    assert window.unserved is None
    assert words in window.unserved_problem


@pytest.mark.parametrize("out", ["before", "after"])
def test_whom_the_router_could_not_serve_while_the_champion_was_out_is_nobodys(out: str):
    before, after = (replace(one, champion_was_out=name == out) for name, one in (("before", BEFORE), ("after", AFTER)))
    window = between(before, after)
    assert "the champion had no ready server for a while" in window.unserved_problem
    assert window.challenger is not None
    judged = Judge(Policy.parse({"gates": [{"signal": "errors"}]})).look(before, after).gates[0]
    assert (judged.trials, "no ready server" in judged.problem) == (0, True)


def test_histograms_whose_bins_changed_or_that_begin_late_are_not_measured():
    other = Histogram((1.0, 2.0), (1, 1, 1))
    window = between(BEFORE, replace(AFTER, challenger=replace(AFTER.challenger, latency_ms=other)))
    assert window.challenger.latency_ms is None
    window = between(replace(BEFORE, champion=replace(BEFORE.champion, latency_ms=None)), AFTER)
    assert window.champion.latency_ms is None
    assert window.champion.requests == 900
