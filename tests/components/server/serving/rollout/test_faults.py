"""Faults of an arm under 200 requests a second: who serves in the end, what is remembered, and what is left behind."""

import json
import os
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from builders import sites
from builders.rollouts import FIRST_LOOK, Rollouts, ended, policy
from foldline.errors import ServingError, StoreError
from foldline.serving.deploy_canary.keeping.file import FileKeeper
from foldline.serving.deploy_canary.rollout.word import ABORT, Word
from foldline.serving.site import processes
from foldline.serving.site.envoy_config import ROUTES, Shares, routes
from foldline.serving.site.state import replace_file

ERRORS = {"signal": "errors", "tolerance": 0.1}
REFUSED = {"signal": "refused", "tolerance": 0.1}
INVALID = {"signal": "invalid", "tolerance": 0.1}
SLOW = {"signal": "latency", "slower_than_ms": 100, "tolerance": 0.02}
DRIFT = {"signal": "drift", "required": True}
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
        ("--refuse 1", REFUSED, r"refused: the challenger is worse: \d+ of \d+ \(4xx\)"),
        ("--outputs null", INVALID, r"invalid: the challenger is worse: \d+ of \d+ \(invalid answer\)"),
        ("--outputs constant", DRIFT, "drift: the challenger differs"),
        ("--outputs flipped", DRIFT, "drift: the challenger differs"),
    ],
    ids=["errors", "errors at once", "slow", "slow tail", "other columns", "null at 200", "constant", "labels flipped"],
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
        ("--refuse 0.3", "--refuse 0.3", {"gates": [ERRORS, REFUSED]}),
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
        ("--errors 0.3", "--errors 0.3", "c.*"),
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


def edited(place: Rollouts) -> None:
    """As somebody's tool that keeps a file as it was."""
    state = place.site.state()
    assert state.champion is not None
    assert state.challenger is not None
    shares = Shares(((state.champion, 7500), (state.challenger, 2500)))
    replace_file(place.site.folder / ROUTES, json.dumps(routes(shares, 30.0)).encode())
    until(lambda: place.site.router().shares() == shares)


def until(look: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not look():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def killed(place: Rollouts, role: str) -> None:
    state = place.site.state()
    arm = state.arm(state.champion if role == "champion" else state.challenger)
    process = state.envoy if role == "envoy" else arm.process if arm else None
    assert process is not None
    os.kill(process.pid, signal.SIGKILL)
    until(lambda: not processes.runs(process))


def ended_by_a_person(place: Rollouts) -> None:
    FileKeeper(place.site.folder).say(Word(ABORT, time.time()))


@pytest.mark.parametrize(
    ("event", "said", "final"),
    [
        (lambda place: killed(place, "challenger"), "errors: the challenger is worse", True),
        (edited, "Somebody changed the challenger's share from 50 to 25 %", False),
        (ended_by_a_person, "A person ended the rollout", True),
    ],
    ids=["the challenger is killed", "somebody edits the route", "a person ends it"],
)
def test_what_happens_in_the_middle_of_a_rollout_ends_it(
    place: Rollouts, event: Callable[[Rollouts], object], said: str, final: bool
) -> None:
    place.at(FIRST_LOOK, lambda: event(place))
    with place.users():
        record = place.roll_out(place.version(), **policy({**ERRORS, "tolerance": 0.001}))
    ended(record, "reverted", said, final=final)
    place.serves(place.champion)


@pytest.mark.parametrize(
    ("line", "faults"),
    [("all gates are satisfied", []), ("back to the champion: errors: .*", ["--errors", "0.5"])],
    ids=["promoting", "reverting"],
)
def test_a_task_that_is_asked_to_end_takes_the_traffic_back(place: Rollouts, line: str, faults: list[str]) -> None:
    def end() -> None:
        raise SystemExit(143)

    place.at(line, end)
    with place.users(), pytest.raises(SystemExit):
        place.roll_out(place.version(), *faults, **policy(LOOSE))
    record = place.remembered()
    ended(record, "reverted", "worse" if faults else "The task was ended", final=bool(faults))
    place.serves(place.champion)


def test_an_envoy_that_is_killed_is_started_again_with_the_champion(place: Rollouts) -> None:
    place.at(FIRST_LOOK, lambda: killed(place, "envoy"))
    with place.users(), pytest.raises(ServingError, match="a running process, got none"):
        place.roll_out(place.version(), **policy({**ERRORS, "tolerance": 0.001}))
    record = place.remembered()
    ended(record, "reverted", "a running process, got none", final=False)
    assert record.verdict == "keep"
    place.serves(place.champion)


def test_a_champion_that_is_killed_gives_way(tmp_path: Path) -> None:
    place = Rollouts(tmp_path)
    version = place.version()
    place.at(FIRST_LOOK, lambda: killed(place, "champion"))
    try:
        with place.users():
            record = place.roll_out(version, **policy({**ERRORS, "tolerance": 0.001}))
        ended(record, "promoted", "errors: not worse", final=True)
        place.serves(version)
    finally:
        place.end()


def test_there_is_no_way_back_to_a_champion_that_is_gone(tmp_path: Path) -> None:
    place = Rollouts(tmp_path)
    version, asked = place.version(), policy({**ERRORS, "tolerance": 0.001})

    def both() -> None:
        killed(place, "champion")
        ended_by_a_person(place)

    place.at(FIRST_LOOK, both)
    try:
        with place.users():
            with pytest.raises(ServingError, match="model server of late: expected ready to serve, got it ended"):
                place.roll_out(version, **asked)
            record = place.remembered()
            ended(record, "reverting", "", final=True)
            assert record.reasons == ("A person ended the rollout.",)
            # Half of the requests are still answered.
            assert (200, version) in sites.sent(place.site, 40)
        place.site.end()
        place.begin()
        ended(place.roll_out(version, **asked), "reverted", "A person ended the rollout", final=True)
        place.serves(place.champion)
    finally:
        place.end()


@pytest.mark.parametrize("same", [True, False], ids=["the same", "another"])
def test_of_two_rollouts_at_once_the_second_waits_and_is_told(tmp_path: Path, same: bool) -> None:
    place = Rollouts(tmp_path)
    first = place.version()
    second = first if same else place.version()
    told: list[str] = []

    def rival() -> None:
        try:
            told.append(place.roll_out(second, **policy(LOOSE)).phase)
        except StoreError as fault:
            told.append(str(fault))

    waiting = threading.Thread(target=rival)
    place.at(FIRST_LOOK, waiting.start)
    try:
        with place.users() as users:
            ended(place.roll_out(first, **policy(LOOSE)), "promoted", "errors: ", final=True)
            waiting.join()
        place.serves(first)
        assert {status for status, _ in users.answers()} == {200}
        assert re.search("^promoted$" if same else f"expected {place.champion}, as when .*, got {first}", told[0])
    finally:
        place.end()


def test_a_good_challenger_follows_one_that_was_thrown_out(place: Rollouts) -> None:
    bad, good = place.version(), place.version()
    with place.users():
        ended(place.roll_out(bad, "--errors", "0.5", **policy(ERRORS)), "reverted", "worse", final=True)
        ended(place.roll_out(good, **policy(LOOSE)), "promoted", "errors: ", final=True)
        place.crowned(good)
        # What serves already is left as it is.
        lines = len(place.lines)
        assert place.roll_out(good, **policy(ERRORS)).phase == "promoted"
        assert place.lines[lines:] == ["the challenger is the champion already"]
    place.serves(good)
