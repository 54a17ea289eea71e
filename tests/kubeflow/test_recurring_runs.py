"""Recurring runs: made with types, fired, paused, removed."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from foldline_pipelines.kubeflow import connection

Ended = subprocess.CompletedProcess[str]
FIRST_S = 300.0


@pytest.fixture
def name(foldline: Callable[..., Ended], unique: str) -> Iterator[str]:
    title = f"recurring-{unique}-{time.time_ns() % 10_000}"
    yield title
    foldline("schedule", "--remove", title)


def runs_of(api: connection.Connection, recurring: str) -> list[Any]:
    found = api.ask("runs", api.runs.run_service_list_runs, page_size=100, sort_by="created_at desc", **api.scope)
    return [run for run in found.runs or [] if run.recurring_run_id == recurring]


def test_a_recurring_run_fires_with_typed_parameters_until_it_is_paused(
    foldline: Callable[..., Ended],
    small: Path,
    api: connection.Connection,
    name: str,
    ended: Callable[[str], str],
    seen: Callable[[str], dict[str, Any]],
) -> None:
    words = ("--set", "rows=6", "--set", "share=0.125", "--set", "settings={depth: 1}", "--every", "60s")
    made = foldline("schedule", small, *words, "--name", name)
    assert made.returncode == 0, made.stderr
    assert "fires every 1m" in made.stdout
    listed = api.ask("recurring runs", api.recurring_runs.recurring_run_service_list_recurring_runs, page_size=100)
    (recurring,) = [one for one in listed.recurring_runs if one.display_name == name]
    assert (recurring.no_catchup, str(recurring.max_concurrency)) == (True, "1")
    deadline = time.monotonic() + FIRST_S
    while not (fired := runs_of(api, recurring.recurring_run_id)):
        assert time.monotonic() < deadline, f"nothing fired within {FIRST_S:.0f} s"
        time.sleep(5)
    paused = foldline("schedule", "--pause", name)
    assert paused.returncode == 0, paused.stderr
    assert ended(fired[-1].run_id) == "SUCCEEDED"
    assert seen(fired[-1].run_id)["parameters"] == [{"depth": 1}, ["one", "two"], 0.125, True]
    count = len(runs_of(api, recurring.recurring_run_id))
    assert f"{name}: paused" in foldline("schedule", "--show", name).stdout
    time.sleep(75)
    assert len(runs_of(api, recurring.recurring_run_id)) <= count + 1


def test_a_cron_expression_is_taken_as_it_is_shown(foldline: Callable[..., Ended], small: Path, name: str) -> None:
    made = foldline("schedule", small, "--cron", "0 3 * * 1", "--name", name)
    assert made.returncode == 0, made.stderr
    shown = foldline("schedule", "--show", name).stdout
    assert "active, fires by cron 0 0 3 * * 1" in shown
    assert shown.count(" 03:00:00") == 3
    again = foldline("schedule", small, "--every", "7d", "--name", name)
    assert again.returncode == 2
    assert f"foldline schedule --remove {name}" in again.stderr
    assert f"{name}  active" in " ".join(foldline("schedule", "--list").stdout.split("\n"))


def test_kfp_makes_one_with_defaults_and_is_refused_a_number(
    kfp: Callable[..., Ended], foldline: Callable[..., Ended], small: Path, name: str, unique: str
) -> None:
    words = ["recurring-run", "create", "--job-name", name, "--experiment-name", f"acceptance-{unique}"]
    words += ["--cron-expression", "0 0 3 1 1 *", "--enabled", "--no-catchup"]
    words += ["--max-concurrency", "1", "--pipeline-package-path", str(small)]
    refused = kfp(*words, "rows=3")
    assert refused.returncode != 0
    made = kfp(*words)
    assert made.returncode == 0, made.stderr
    assert json.loads(made.stdout[made.stdout.index("{") :])["display_name"] == name
    assert f"{name}: active" in foldline("schedule", "--show", name).stdout
