"""Verdicts from readings."""

import itertools
import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builders.simulated_traffic import arm, readings
from foldline.errors import ArtifactError
from foldline.serving.deploy_canary.judge.evidence import Counts, Evidence, compare
from foldline.serving.deploy_canary.judge.judge import Judge, Judgement
from foldline.serving.deploy_canary.policy import Policy
from foldline.serving.reading import Reading

ERRORS = {"signal": "errors"}
QUICK: dict[str, Any] = {"steps": [{"percent": 10, "min_s": 0, "min_requests": 0}]}


def judged(policy: dict[str, Any], made: list[Reading]) -> list[Judgement]:
    judge = Judge(Policy.parse(QUICK | policy))
    return [judge.look(before, after) for before, after in itertools.pairwise(made)]


def verdicts(policy: dict[str, Any], made: list[Reading]) -> list[str]:
    return [judgement.verdict for judgement in judged(policy, made)]


def test_a_broken_challenger_is_reverted_at_the_second_look_and_no_sooner():
    assert verdicts({"gates": [ERRORS]}, readings(*[((900, 2), (100, 80))] * 2)) == ["hold", "revert"]


def test_a_challenger_without_errors_is_promoted_when_its_bound_is_below_the_tolerance():
    said = judged({"gates": [ERRORS]}, readings(*[((900, 0), (100, 0))] * 7))
    assert [judgement.verdict for judgement in said] == ["hold"] * 6 + ["promote"]
    assert said[-1].gates[0].upper_bound < 0.005 <= said[-2].gates[0].upper_bound
    assert said[-1].reasons == (
        "errors: at most 0.439%, tolerance 0.500%: 0 of 700 (5xx or time-out), champion 0 of 6300",
    )


def test_one_window_alone_never_promotes():
    assert verdicts({"gates": [ERRORS]}, readings(((90_000, 0), (10_000, 0)))) == ["hold"]


def test_equal_rates_above_the_tolerance_are_promoted_by_the_margin():
    said = judged({"gates": [ERRORS]}, readings(*[((500, 25), (500, 25))] * 8))
    assert said[-1].verdict == "promote"
    assert "not worse than 2 times the champion" in said[-1].reasons[0]
    assert said[-1].gates[0].upper_bound > 0.05


def test_the_least_requests_and_seconds_of_all_steps_must_be_reached():
    steps = [{"percent": 10, "min_s": 30, "min_requests": 500}, {"percent": 50, "min_s": 10, "min_requests": 400}]
    said = judged({"gates": [ERRORS], "steps": steps}, readings(*[((900, 0), (110, 0))] * 9))
    assert [judgement.verdict for judgement in said] == ["hold"] * 8 + ["promote"]
    assert said[6].reasons == ("770 of at least 900 requests of the challenger", "35 of at least 40 s")


def test_one_gate_without_evidence_is_enough_to_hold():
    said = judged({"gates": [ERRORS, {"signal": "invalid"}]}, readings(*[((900, 0), (100, 0))] * 10))
    assert {judgement.verdict for judgement in said} == {"hold"}
    assert said[-1].reasons == ("invalid: no evidence in this look: invalid answers are not counted for both arms",)


def test_a_look_without_data_does_not_promote_what_was_satisfied_before():
    made = readings(*[((900, 0), (100, 0))] * 8)
    gone = replace(made[-1], challenger=None, at=made[-1].at + 5, problem="Prometheus does not answer")
    said = judged({"gates": [ERRORS]}, [*made, gone])
    assert [judgement.verdict for judgement in said[-2:]] == ["promote", "hold"]
    assert "Prometheus does not answer" in said[-1].problem
    assert "Prometheus does not answer" in said[-1].reasons[0]


def test_a_look_that_tells_nothing_can_be_looked_at_again_with_the_next():
    start, middle, end = readings(*[((900, 0), (100, 0))] * 2)
    judge = Judge(Policy.parse(QUICK | {"gates": [ERRORS]}))
    blind = judge.look(start, replace(middle, challenger=None))
    assert (blind.used, blind.requests, blind.seconds) == (False, 0, 0.0)
    both = judge.look(start, end)
    assert (both.used, both.requests, both.seconds) == (True, 200, 10.0)
    unserved = judge.look(end, replace(end, at=15.0, champion=arm(2700), challenger=None, unserved=5))
    assert (unserved.used, unserved.gates[0].events) == (True, 5)


def test_no_traffic_at_all_is_never_fine():
    said = judged({}, readings(*[((0, 0), (0, 0))] * 20))
    assert {judgement.verdict for judgement in said} == {"hold"}
    assert not any(gate.satisfied for gate in said[-1].gates if gate.signal != "drift")
    assert all(gate.problem for gate in said[-1].gates)


def test_a_share_of_the_requests_that_no_server_got_reverts():
    made = [Reading(5.0 * look, arm(900 * look), arm(0), unserved=100 * look) for look in range(4)]
    assert verdicts({"gates": [ERRORS]}, made)[-1] == "revert"


OBJECTIVE = {"gates": [{"signal": "errors", "objective": 0.02}]}


@pytest.mark.parametrize(("on", "verdict"), [("hold", "hold"), ("abort", "abort")])
def test_a_champion_above_the_objective_does_what_the_policy_says(on: str, verdict: str):
    said = judged(OBJECTIVE | {"on_champion_failing": on}, readings(*[((900, 90), (100, 10))] * 4))
    assert said[-1].verdict == verdict
    assert "the champion is above the objective 2.000%" in said[-1].reasons[0]


def test_a_challenger_above_the_objective_is_reverted_though_the_champion_is_near_it():
    said = judged(OBJECTIVE, readings(*[((500, 10), (500, 40))] * 4))
    assert said[-1].verdict == "revert"
    assert any("the challenger is above the objective" in reason for reason in said[-1].reasons)


def test_a_failing_champion_does_not_excuse_what_fails_in_the_challenger_alone():
    gates = [{"signal": signal, "objective": 0.02} for signal in ("errors", "invalid")]
    made = [
        Reading(5.0 * look, arm(500 * look, 50 * look, invalid=9 * look), arm(500 * look, 50 * look, invalid=25 * look))
        for look in range(5)
    ]
    said = judged({"gates": gates}, made)
    assert said[-1].verdict == "revert"
    assert said[-1].reasons[-1].startswith("invalid: the challenger is above the objective")
    assert judged({"gates": gates[:1]}, made)[-1].verdict == "hold"


def test_more_errors_than_the_champions_revert_though_the_champion_fails_too():
    assert verdicts(OBJECTIVE, readings(*[((900, 90), (100, 95))] * 5))[-1] == "revert"


PREDICTIONS = (50, 40, 300, 300, 250, 60, 0)


@pytest.mark.parametrize(
    ("challenger", "verdict"),
    [((5, 4, 30, 30, 25, 6, 0), "promote"), ((0, 0, 0, 100, 0, 0, 0), "revert"), ((50, 0, 0, 0, 0, 0, 50), "revert")],
)
def test_predictions_are_compared_in_both_directions(challenger: tuple[int, ...], verdict: str):
    """Alike; constant; all in the tails."""
    made = [
        Reading(
            5.0 * look,
            arm(1000 * look, predictions=tuple(look * value for value in PREDICTIONS)),
            arm(100 * look, predictions=tuple(look * value for value in challenger)),
        )
        for look in range(80)
    ]
    said = judged({"gates": [{"signal": "drift", "required": True}]}, made)
    assert said[0].gates[0].problem == "the champion's central range was frozen with this look"
    assert next(judgement.verdict for judgement in said if judgement.verdict != "hold") == verdict


def test_predictions_that_differ_by_less_than_the_margin_are_not_reverted():
    made = [
        Reading(
            5.0 * look,
            arm(1000 * look, predictions=tuple(look * value for value in PREDICTIONS)),
            arm(1000 * look, predictions=(85 * look, 50 * look, 300 * look, 300 * look, 160 * look, 105 * look, 0)),
        )
        for look in range(60)
    ]
    said = judged({"gates": [{"signal": "drift", "margin": 3}]}, made)
    assert said[-1].gates[0].rate_challenger > 1.5 * said[-1].gates[0].rate_champion
    assert "revert" not in {judgement.verdict for judgement in said}


def test_drift_does_not_ask_which_arm_is_which():
    arms = ((500, 100), (500, 150)), ((500, 80), (500, 170)), ((400, 90), (600, 110))

    def evidence(order: int) -> list[float]:
        made = [Evidence.none(60.0), Evidence.none(60.0)]
        for window in arms:
            one, other = (Counts(*arm) for arm in window[::order])
            made = [compare(made[0], one, other, 2.0), compare(made[1], other, one, 2.0)]
        return [float(each.log_value) for each in made]

    assert evidence(1) == evidence(-1)[::-1]


def test_disagreement_is_only_tolerated_never_reverted():
    policy = {"gates": [{"signal": "disagreement", "tolerance": 0.1}], "mirror_percent": 10}
    made = [Reading(5.0 * look, arm(look), arm(look), compared=100 * look, disagreeing=2 * look) for look in range(5)]
    said = judged(policy, made)
    assert said[-1].verdict == "promote"
    assert (said[-1].gates[0].e_worse, said[-1].gates[0].rate_champion) == (None, None)
    made = [replace(reading, disagreeing=reading.compared) for reading in made]
    assert verdicts(policy, made)[-1] == "hold"


def test_alpha_is_shared_by_the_gates_that_can_revert():
    made = readings(*[((900, 4), (100, 3))] * 9)
    looks = [
        verdicts({"gates": [ERRORS, *more]}, made).index("revert")
        for more in ([], [{"signal": "invalid"}, {"signal": "latency"}, {"signal": "drift"}])
    ]
    assert looks[0] < looks[1]


ALL = {
    "gates": [
        {"signal": "errors", "objective": 0.02},
        {"signal": "latency"},
        {"signal": "latency", "slower_than_ms": 25},
        {"signal": "invalid"},
        {"signal": "drift"},
        {"signal": "disagreement", "tolerance": 0.1},
    ],
    "mirror_percent": 10,
}


@given(st.integers(0, 2**32 - 1), st.integers(1, 9))
@settings(max_examples=10, deadline=None)
def test_a_judge_restored_from_json_goes_on_as_the_one_that_was_not_interrupted(seed: int, at: int):
    random, policy = np.random.default_rng(seed), Policy.parse(ALL)
    made, total = [], np.zeros((2, 9), dtype=int)
    for look in range(11):
        total += random.integers(0, 60, total.shape)
        arms = [
            arm(int(row[:7].sum()) + 60, int(row[7]), latency_ms=row[:7].tolist(), invalid=int(row[8]),
                predictions=row[:7][::-1].tolist(), epoch=str(look // int(random.integers(3, 12))))
            for row in total
        ]  # fmt: skip
        made.append(Reading(5.0 * look, *arms, unserved=look // 4, compared=20 * look, disagreeing=look))
    whole, broken = Judge(policy), Judge(policy)
    for look, (before, after) in enumerate(itertools.pairwise(made)):
        if look == at:
            broken = Judge.from_json(policy, json.loads(json.dumps(broken.to_json())))
        assert broken.look(before, after) == whole.look(before, after)
    assert broken.to_json() == whole.to_json()
    assert len(json.dumps(whole.to_json())) < 20_000


@pytest.mark.parametrize(("changed", "words"), [({"form": 9}, "field form"), ({"policy": "other"}, "field policy")])
def test_evidence_of_another_policy_is_refused(changed: dict[str, Any], words: str):
    policy = Policy.parse({})
    with pytest.raises(ArtifactError, match=words):
        Judge.from_json(policy, Judge(policy).to_json() | changed)


def test_a_judgement_is_json():
    said = judged({}, readings(*[((900, 1), (100, 0))] * 2))[-1]
    assert json.loads(json.dumps(said.to_json(), allow_nan=False))["gates"][0]["trials"] == 200


def test_the_judge_has_the_evidence_that_the_simulations_measure():
    random, evidence = np.random.default_rng(1), Evidence.none(20.0)
    windows = [((900, int(random.binomial(900, 0.01))), (100, int(random.binomial(100, 0.02)))) for _ in range(20)]
    for champion, challenger in windows:
        evidence = compare(evidence, Counts(*challenger), Counts(*champion), 1.0)
    assert judged({"gates": [ERRORS]}, readings(*windows))[-1].gates[0].e_worse == pytest.approx(float(evidence.value))
