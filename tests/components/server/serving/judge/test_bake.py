"""The judge of a bake: the challenger alone, against what its gates tolerate."""

import itertools
import json
from typing import Any

import pytest

from foldline.serving.deploy_canary.judge.bake import Bake
from foldline.serving.deploy_canary.judge.judge import Judge
from foldline.serving.deploy_canary.policy import Policy
from foldline.serving.reading import ArmReading, Histogram, Reading

ERRORS = {"signal": "errors", "tolerance": 0.01}


def reading(at: float, requests: int, errors: int = 0, *, slow: int = 0, champion: int = 0) -> Reading:
    """The champion stands by; the challenger has all requests. `slow` answers take more than 100 ms."""
    latency = Histogram((10.0, 100.0), (requests - slow, 0, slow))
    standing = ArmReading("1", champion, 0, Histogram((10.0, 100.0), (champion, 0, 0)))
    return Reading(at, standing, ArmReading("1", requests, errors, latency), unserved=0)


def looks(bake: Bake, *readings: Reading) -> list[str]:
    return [bake.look(before, after).verdict for before, after in itertools.pairwise(readings)]


@pytest.mark.parametrize(
    ("gates", "champion_rate", "counts", "verdict"),
    [
        ([ERRORS], 0.0, [(0, 0), (500, 0), (1000, 0)], "hold"),
        ([ERRORS], 0.0, [(0, 0), (500, 25), (1000, 50)], "revert"),
        # The champion had as many: what the split has taken for not worse is tolerated afterwards too.
        ([ERRORS], 0.05, [(0, 0), (500, 25), (1000, 50)], "hold"),
        ([ERRORS], 0.05, [(0, 0), (500, 125), (1000, 250)], "revert"),
        ([{"signal": "errors", "tolerance": None}], 0.0, [(0, 0), (500, 250), (1000, 500)], "hold"),
        ([{"signal": "errors", "tolerance": None, "objective": 0.01}], 0.0, [(0, 0), (500, 25), (1000, 50)], "revert"),
    ],
)
def test_only_a_rate_above_what_is_tolerated_ends_a_bake(
    gates: list[dict[str, Any]], champion_rate: float, counts: list[tuple[int, int]], verdict: str
) -> None:
    judged = {"gates": [{"rate_champion": champion_rate}]}
    state = Judge(Policy.parse({"gates": gates})).to_json()
    bake = Bake(Policy.parse({"gates": gates}), judged, state)
    readings = [reading(float(at), requests, errors) for at, (requests, errors) in enumerate(counts)]
    assert looks(bake, *readings)[-1] == verdict


def test_one_bad_window_is_not_enough() -> None:
    bake = Bake(Policy.parse({"gates": [ERRORS]}), {}, {})
    assert looks(bake, reading(0.0, 0), reading(1.0, 500, 400), reading(2.0, 1000, 800)) == ["hold", "revert"]


def test_slow_answers_are_counted_beyond_the_range_that_the_split_froze() -> None:
    policy = Policy.parse({"gates": [{"signal": "latency", "slower_than_ms": 100, "tolerance": 0.05}]})
    bake = Bake(policy, {}, {})
    said = [
        bake.look(reading(0.0, 0), reading(1.0, 500, slow=200)),
        bake.look(reading(1.0, 500, slow=200), reading(2.0, 1000, slow=400)),
    ]
    assert [one.verdict for one in said] == ["hold", "revert"]
    assert said[-1].reasons == ("latency over 100 ms: 400 of 1000 since promotion, at most 5.000% tolerated",)


def test_a_look_without_counters_says_so_and_is_no_evidence() -> None:
    bake = Bake(Policy.parse({"gates": [ERRORS]}), {}, {})
    gone = Reading(1.0, None, None, problem="Envoy does not answer")
    judged = bake.look(reading(0.0, 0), gone)
    assert (judged.verdict, judged.used) == ("hold", False)
    assert "no evidence in this look: " in judged.reasons[0]
    assert bake.look(reading(0.0, 0), reading(2.0, 100)).used


def test_a_bake_is_blind_until_a_look_was_evidence() -> None:
    bake = Bake(Policy.parse({"gates": [ERRORS]}), {}, {})
    gone = Reading(1.0, None, None, problem="Envoy does not answer")
    assert bake.look(reading(0.0, 0), gone).blind
    assert bake.look(reading(0.0, 0), reading(2.0, 0)).blind
    assert not bake.look(reading(2.0, 0), reading(3.0, 100)).blind


def test_a_bake_that_has_nothing_to_hold_the_challenger_against_says_so() -> None:
    bake = Bake(Policy.parse({"gates": [{"signal": "errors", "tolerance": None}]}), {}, {})
    said = bake.look(reading(0.0, 0), reading(1.0, 100, 50))
    assert (said.verdict, said.blind) == ("hold", False)
    assert "no gate has a tolerance or an objective" in said.reasons[0]


def test_a_bake_goes_on_from_what_was_kept() -> None:
    policy = Policy.parse({"gates": [ERRORS]})
    first = Bake(policy, {}, {})
    first.look(reading(0.0, 0), reading(1.0, 500, 30))
    second = Bake(policy, {}, {}, json.loads(json.dumps(first.to_json())))
    window = reading(1.0, 500, 30), reading(2.0, 1000, 60)
    assert second.look(*window) == first.look(*window)
    assert second.to_json() == first.to_json()
