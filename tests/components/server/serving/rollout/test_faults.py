"""Faults of an arm under 200 requests a second: who serves in the end, what is remembered, and what is left behind."""

from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from builders import sites
from builders.rollouts import Rollouts, ended, policy

ERRORS = {"signal": "errors", "tolerance": 0.1}
INVALID = {"signal": "invalid", "tolerance": 0.1}
SLOW = {"signal": "latency", "slower_than_ms": 100, "tolerance": 0.02}
DRIFT = {"signal": "drift"}
# Any gate that an equal challenger passes at once.
LOOSE = {"signal": "errors", "tolerance": 0.5}
TENTH = [{"percent": 10, "min_s": 0, "min_requests": 20}]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rollouts]:
    """A healthy champion."""
    made = Rollouts(tmp_path_factory.mktemp("place"), "--outputs", "good")
    yield made
    made.end()


@pytest.mark.parametrize(
    ("faults", "gate", "said"),
    [
        ("--errors 0.5", ERRORS, "errors: the challenger is worse"),
        ("--errors 0.9 --burst 0:100", ERRORS, "errors: the challenger is worse"),
        ("--delay-ms 300", SLOW, "latency over 100 ms: the challenger is worse"),
        ("--delay-ms 300 --slow 0.1", SLOW, "latency over 100 ms: the challenger is worse"),
        ("--outputs null", INVALID, r"invalid: the challenger is worse: \d+ of \d+ \(invalid answer\)"),
        ("--outputs constant", DRIFT, "drift: the challenger differs"),
        ("--outputs flipped", DRIFT, "drift: the challenger differs"),
    ],
    ids=["errors", "errors at once", "slow", "slow tail", "null at 200", "constant", "labels flipped"],
)
def test_a_challenger_that_harms_its_users_is_thrown_out(
    place: Rollouts, faults: str, gate: dict[str, Any], said: str
) -> None:
    challenger = place.version()
    outputs = [] if "--outputs" in faults else ["--outputs", "good"]
    with place.users() as users:
        record = place.roll_out(challenger, *faults.split(), *outputs, **policy(gate))
        answers = users.answers()
    ended(record, "reverted", said, final=True)
    assert record.verdict == "rollback"
    assert {version for status, version in answers if status != 200} <= {challenger}, answers
    place.serves(place.champion)


@pytest.mark.parametrize(
    ("champion", "challenger", "changed"),
    [
        ("", "--burst 20:70", {}),
        ("--errors 0.2", "--errors 0.2", {}),
        ("--errors 0.3", "", {}),
        ("--refuse 0.3", "--refuse 0.3", {}),
        # Ten times the requests that its weight stands for, and as many times the errors.
        ("--errors 0.1", "--errors 0.1", {"steps": TENTH, "mirror_percent": 100}),
    ],
    ids=["a burst", "both fail", "the champion fails", "clients send nonsense", "more requests than its weight"],
)
def test_a_challenger_that_is_no_worse_is_promoted(
    tmp_path: Path, champion: str, challenger: str, changed: dict[str, Any]
) -> None:
    place = Rollouts(tmp_path, *champion.split())
    version = place.version()
    try:
        with place.users():
            record = place.roll_out(version, *challenger.split(), **policy(ERRORS, **changed))
        ended(record, "promoted", "errors: ", final=True)
        place.serves(version)
    finally:
        place.end()


@pytest.mark.parametrize(
    ("champion", "challenger", "arm"),
    [
        ("--errors 0.3", "", "champion"),
        ("--errors 0.3", "--errors 0.3", "champion"),
        ("", "--errors 0.3", "challenger"),
    ],
    ids=["the champion", "both", "the challenger"],
)
def test_an_arm_above_the_objective_ends_the_rollout(tmp_path: Path, champion: str, challenger: str, arm: str) -> None:
    place = Rollouts(tmp_path, *champion.split())
    gate = {**ERRORS, "objective": 0.1, "margin": 30}
    try:
        with place.users():
            record = place.roll_out(place.version(), *challenger.split(), **policy(gate, on_champion_failing="abort"))
        ended(record, "reverted", f"the {arm} is above the objective|the challenger is worse", final=True)
        place.serves(place.champion)
    finally:
        place.end()


@pytest.mark.parametrize(
    ("per_s", "said"),
    [(0.0, "deadline of 4 s .*no requests|neither arm had a request"), (8.0, r"deadline of 4 s")],
    ids=["none", "little"],
)
def test_without_traffic_nothing_is_promoted(place: Rollouts, per_s: float, said: str) -> None:
    with place.users(per_s) if per_s else nullcontext():
        record = place.roll_out(place.version(), **policy({**ERRORS, "tolerance": 0.01}, deadline_s=4))
    ended(record, "reverted", said, final=True)
    place.serves(place.champion)


@pytest.mark.parametrize(
    ("faults", "ready_s", "said"),
    [
        (["--no-such-option"], sites.READY_S, r"ended with exit code 2; it last said: .*no-such-option"),
        (["--load-s", "3600"], 3.0, "after 3 s it was loading the model"),
    ],
    ids=["ends", "loads for ever"],
)
def test_a_server_that_does_not_start_gets_no_traffic_and_may_be_tried_again(
    place: Rollouts, faults: list[str], ready_s: float, said: str
) -> None:
    version, asked = place.version(), policy(LOOSE)
    with place.users() as users:
        record = place.roll_out(version, *faults, ready_s=ready_s, **asked)
        ended(record, "reverted", said, final=False)
        place.serves(place.champion)
        again = place.roll_out(version, **asked)
    ended(again, "promoted", "errors: ", final=True)
    place.serves(version)
    place.crowned(version)
    assert {status for status, _ in users.answers()} == {200}
