"""The policy document: what it may say, and what it says where it says nothing."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foldline.errors import ArgumentError
from foldline.serving.deploy_canary.policy import Policy


def test_an_empty_document_watches_all_that_needs_no_copies_of_requests():
    policy = Policy.parse({})
    assert [gate.name for gate in policy.gates] == [
        "errors",
        "latency over the champion's quantile 0.95",
        "invalid",
        "refused",
        "drift",
    ]
    assert [gate.required for gate in policy.gates] == [True, True, True, True, False]
    assert [step.percent for step in policy.steps] == [10, 50]
    assert (policy.gates[0].margin, policy.gates[0].tolerance, policy.gates[1].tolerance) == (2.0, 0.005, 0.05)
    # Four tests share nine tenths of alpha, the five of drift one tenth.
    assert [policy.revert_threshold(gate) for gate in policy.gates] == pytest.approx([800 / 9] * 4 + [1000])
    assert policy.promote_threshold == pytest.approx(20)


@pytest.mark.parametrize(
    ("gates", "tests"),
    [
        ([{"signal": "errors"}], 1),
        ([{"signal": "errors", "objective": 0.02}], 2),
        ([{"signal": "errors"}, {"signal": "latency", "objective": 0.02}], 3),
        ([{"signal": "drift"}], 5),
        ([{"signal": "drift"}, {"signal": "disagreement", "tolerance": 0.1}], 5),
        ([{"signal": "errors"}, {"signal": "disagreement", "tolerance": 0.1}], 1),
        ([{"signal": "disagreement", "tolerance": 0.1}], 1),
    ],
)
def test_alpha_is_shared_by_all_tests_that_can_revert(gates: list[dict[str, Any]], tests: int):
    policy = Policy.parse({"gates": gates, "mirror_percent": 5})
    assert policy.revert_threshold(policy.gates[0]) == pytest.approx(tests / 0.05)


def test_floats_stand_for_integers():
    made = Policy.parse({"steps": [{"percent": 5.0, "min_s": 30.0, "min_requests": 200.0}]})
    assert made.steps[0].min_requests == 200
    assert isinstance(made.steps[0].min_requests, int)
    assert made.digest == Policy.parse({"steps": [{"percent": 5, "min_s": 30, "min_requests": 200}]}).digest


def test_the_given_document_and_the_defaults_stay_as_they_are():
    given_document = {"gates": [{"signal": "latency"}]}
    Policy.parse(given_document).to_json()["gates"].clear()
    assert given_document == {"gates": [{"signal": "latency"}]}
    assert len(Policy.parse({}).gates) == 5


GATES = st.lists(
    st.sampled_from(
        [
            {"signal": "errors", "tolerance": None},
            {"signal": "latency", "slower_than_ms": 50},
            {"signal": "latency", "champion_quantile": 0.9, "objective": 0.2},
            {"signal": "invalid", "margin": 3},
            {"signal": "refused"},
            {"signal": "drift", "margin": 1.5},
            {"signal": "drift", "required": True},
            {"signal": "disagreement", "tolerance": 0.02},
        ]
    ),
    min_size=1,
    unique_by=lambda entry: (entry["signal"], entry.get("slower_than_ms")),
)


@given(GATES, st.floats(0.001, 0.4), st.sampled_from(["canary", "shadow"]))
@settings(deadline=None)
def test_a_policy_written_out_and_read_again_is_the_same(gates: list[dict[str, Any]], alpha: float, mode: str):
    policy = Policy.parse({"gates": gates, "alpha": alpha, "mode": mode, "mirror_percent": 10})
    again = Policy.parse(policy.to_json())
    assert again == policy
    assert again.digest == policy.digest


def test_feedback_is_written_out_with_its_defaults():
    stated = {"log": "s3://b/log", "table": "s3://b/labels.parquet"}
    policy = Policy.parse({"bake_s": 60.0, "feedback": stated})
    assert policy.to_json()["feedback"] == {**stated, "request": "request_id", "value": "value", "margin": 1.2}
    assert Policy.parse(policy.to_json()) == policy


def test_policies_that_differ_have_different_digests():
    assert Policy.parse({}).digest != Policy.parse({"alpha": 0.01}).digest


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"step": []}, "policy: expected no keys but mode, steps, gates, alpha"),
        ([], "policy: expected an object"),
        ({"mode": "bluegreen"}, "policy.mode: expected 'canary' or 'shadow' or 'ab', got 'bluegreen'"),
        ({"mode": ["canary"]}, "policy.mode: expected 'canary'"),
        ({"alpha": 0}, "policy.alpha: expected a number above 0 and below 0.5, got 0"),
        ({"alpha": "0.05"}, "policy.alpha: expected a number"),
        ({"alpha": True}, "policy.alpha: expected a number"),
        ({"look_s": float("nan")}, "policy.look_s: expected a number above 0, got nan"),
        ({"steps": []}, "policy.steps: expected a list of at least one object"),
        ({"steps": [{"min_s": 3}]}, "policy.steps[0]: expected the key 'percent', got 'min_s'"),
        ({"steps": [{"percent": 100}]}, "policy.steps[0].percent: expected a number above 0 and below 100"),
        ({"steps": [{"percent": 10}, {"percent": 10}]}, "policy.steps: expected percents that ascend, got 10, 10"),
        ({"steps": [{"percent": 1, "min_requests": 2.5}]}, "policy.steps[0].min_requests: expected a whole number"),
        ({"steps": [{"percent": 1, "requests": 2}]}, "policy.steps[0]: expected no keys but percent, min_s"),
        ({"gates": [{}]}, "policy.gates[0].signal: expected 'errors'"),
        ({"gates": [{"signal": "errors", "slower_than_ms": 5}]}, "policy.gates[0]: expected no keys but signal"),
        ({"gates": [{"signal": "errors", "margin": 1}]}, "policy.gates[0].margin: expected a number above 1, got 1"),
        ({"gates": [{"signal": "errors", "margin": None}]}, "policy.gates[0].margin: expected a number above 1"),
        ({"gates": [{"signal": "drift", "tolerance": 0.1}]}, "policy.gates[0]: expected no keys but signal, margin"),
        ({"gates": [{"signal": "drift", "required": 1}]}, "policy.gates[0].required: expected true or false, got 1"),
        ({"gates": [{"signal": "errors", "required": False}]}, "policy.gates[0]: expected no keys but signal, margin"),
        ({"gates": [{"signal": "errors"}, {"signal": "errors"}]}, "expected each gate once, got 'errors' more than"),
        (
            {"gates": [{"signal": "latency", "slower_than_ms": 5, "champion_quantile": 0.9}]},
            "expected one of slower_than_ms and champion_quantile, got both",
        ),
        ({"gates": [{"signal": "latency", "champion_quantile": 95}]}, "champion_quantile: expected a number below 1"),
        ({"gates": [{"signal": "disagreement"}]}, "policy.gates[0].tolerance: expected a rate"),
        (
            {"gates": [{"signal": "disagreement", "tolerance": 0.1}]},
            "policy.mirror_percent: expected above 0, since mode shadow and the gate disagreement",
        ),
        ({"mode": "shadow"}, "policy.mirror_percent: expected above 0"),
        ({"mode": "ab"}, "policy.ab_s: expected above 0 in mode ab"),
        ({"ab_s": 60}, "policy.ab_s: expected above 0 in mode ab and 0 in every other, got 60 in canary"),
        (
            {"mode": "ab", "ab_s": 60, "ab_then": "promote"},
            "policy.ab_then: expected 'revert' or 'hold', got 'promote'",
        ),
        (
            {"feedback": {"log": "log", "table": "labels.csv"}},
            "policy.bake_s: expected above 0, since labels are judged in a bake; or mode ab, got 0",
        ),
        ({"feedback": {"log": "log"}, "bake_s": 60}, "policy.feedback: expected the keys 'log' and 'table'"),
        ({"deadline_s": 20}, "policy.deadline_s: expected more than the 20 s"),
    ],
)
def test_a_value_that_cannot_be_is_named_with_what_it_may_be(document: Any, words: str):
    with pytest.raises(ArgumentError) as caught:
        Policy.parse(document)
    assert words in str(caught.value)
