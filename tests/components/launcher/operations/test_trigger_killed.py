"""Watchers that are killed before or after any step, or that race: there is one run in the end."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from builders import s3, triggers
from builders.kubeflow import Kubeflow
from builders.trigger_process import KILLED, Driver, Task
from foldline.store.records import open_records

LATE_S = 1000.0
# Reading twice, looking, claiming, listing by name, looking again, starting, listing again, recording.
STEPS = 9


@pytest.fixture
def environment(s3_server: s3.S3, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    return s3_server.environment


@pytest.fixture
def driver(environment: dict[str, str], server: Kubeflow) -> Iterator[Driver]:
    driver = Driver(environment)
    yield driver
    driver.end()


def outcome(task: Task) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(Path(task.file).read_text())
    return content


def started(state_uri: str) -> list[dict[str, Any]]:
    """The ledger's entries; fails where one of them is only claimed."""
    content = open_records(state_uri, argument="state_uri").read("triggers/late")
    assert content is not None
    assert {entry["state"] for entry in content["entries"]} == {"started"}
    return list(content["entries"])


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_watcher_that_is_killed_at_any_step_leaves_one_run_to_the_next(
    when: str, driver: Driver, server: Kubeflow, tmp_path: Path
) -> None:
    for step in range(1, STEPS + 2):
        server.runs.clear()
        state_uri = f"s3://watch/{when}-{step}"
        first = Task(state_uri, str(tmp_path / "first"), when=when, step=step)
        driver.begin(first)
        killed = driver.ended() == KILLED
        assert killed == (step <= STEPS), outcome(first)
        second = Task(state_uri, str(tmp_path / "second"), late_s=LATE_S)
        driver.begin(second)
        assert driver.ended() == 0
        (run,) = server.runs.values()
        (entry,) = started(state_uri)
        assert entry["run_id"] == run["run_id"]
        assert entry["name"] == run["display_name"]
        recorded = not killed or (when == "after" and step == STEPS)
        assert outcome(second)["started"] is not recorded
        assert outcome(second)["run"]["id"] == run["run_id"]


def test_a_watcher_whose_successors_are_killed_too_leaves_one_run(
    driver: Driver, server: Kubeflow, tmp_path: Path
) -> None:
    for step in range(1, STEPS + 2):
        for when in ("before", "after"):
            late_s = LATE_S * (2 * step + (when == "after"))
            driver.begin(Task("s3://watch/again", str(tmp_path / "told"), when=when, step=step, late_s=late_s))
            driver.ended()
    (run,) = server.runs.values()
    assert [entry["run_id"] for entry in started("s3://watch/again")] == [run["run_id"]]


@pytest.mark.parametrize("same", [True, False], ids=["one reason", "two reasons"])
def test_two_watchers_at_once_start_one_run_and_the_other_says_whose_it_is(
    same: bool, environment: dict[str, str], server: Kubeflow, tmp_path: Path
) -> None:
    drivers = [Driver(environment) for _ in range(2)]
    try:
        for attempt in range(3):
            server.runs.clear()
            state_uri, start_at = f"s3://watch/race-{same}-{attempt}", time.time() + (0.2 if attempt else 3.0)
            tasks = [
                Task(
                    state_uri,
                    str(tmp_path / f"{attempt}-{number}"),
                    onset="2013-07-08" if same else f"2013-07-0{number + 1}",
                    start_at=start_at,
                )
                for number in range(2)
            ]
            for driver, task in zip(drivers, tasks, strict=True):
                driver.begin(task)
            assert [driver.ended() for driver in drivers] == [0, 0]
            (run,) = server.runs.values()
            (entry,) = started(state_uri)
            assert entry["run_id"] == run["run_id"]
            loser, winner = sorted(map(outcome, tasks), key=lambda told: bool(told["started"]))
            assert (loser["started"], winner["started"]) == (False, True)
            assert entry["owner"] == winner["owner"]
            refused = {guard["name"]: guard["sentence"] for guard in loser["guards"] if not guard["passes"]}
            if same:
                assert winner["owner"] in refused["started before"]
                assert loser["run"]["id"] == run["run_id"]
            else:
                assert {"cool-down", "run under way"} & refused.keys(), refused
    finally:
        for driver in drivers:
            driver.end()


def test_the_run_has_the_pinned_version_and_tells_what_started_it(
    driver: Driver, server: Kubeflow, tmp_path: Path
) -> None:
    driver.begin(Task("s3://watch/told", str(tmp_path / "told")))
    assert driver.ended() == 0
    (run,) = server.runs.values()
    assert run["pipeline_version_reference"]["pipeline_version_id"] == f"{triggers.PIPELINE}-second"
    assert run["runtime_config"]["parameters"] == {"time_end": "2013-07-21"}
    assert run["display_name"].startswith("train-and-serve-drift-")
    assert "The newest window says drift." in run["description"]
    assert started("s3://watch/told")[0]["key"] in run["description"]
    assert [one["display_name"] for one in server.experiments.values()] == ["train-and-serve"]
