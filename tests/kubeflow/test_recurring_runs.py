"""Recurring runs: made with types, fired, paused, removed."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from builders.acceptance import first_run_of, recurring_run, runs_of
from foldline.errors import RunError
from foldline.kubeflow import connection
from foldline_pipelines.kubeflow import schedule

Ended = subprocess.CompletedProcess[str]


@pytest.fixture
def name(foldline: Callable[..., Ended], unique: str) -> Iterator[str]:
    title = f"recurring-{unique}-{time.time_ns() % 10_000}"
    yield title
    foldline("schedule", "--remove", title)


def test_a_recurring_run_fires_with_typed_parameters_until_it_is_paused_and_removed(
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
    recurring = recurring_run(api, name)
    assert (recurring.no_catchup, str(recurring.max_concurrency)) == (True, "1")
    fired = first_run_of(api, recurring.recurring_run_id)
    refused = foldline("schedule", "--remove", name)
    assert refused.returncode == 1, refused.stdout
    assert f"expected no run of it that goes on, got run/{fired} in state" in " ".join(refused.stderr.split())
    paused = foldline("schedule", "--pause", name)
    assert paused.returncode == 0, paused.stderr
    assert ended(fired) == "SUCCEEDED"
    assert seen(fired)["parameters"] == [{"depth": 1}, ["one", "two"], 0.125, True]
    count = len(runs_of(api, recurring.recurring_run_id))
    assert f"{name}: paused" in foldline("schedule", "--show", name).stdout
    time.sleep(75)
    assert len(runs_of(api, recurring.recurring_run_id)) <= count + 1
    removed = foldline("schedule", "--remove", name)
    assert removed.returncode == 0, removed.stderr
    assert f"{name} is removed; its runs stay" in removed.stdout
    assert name not in foldline("schedule", "--list").stdout
    with pytest.raises(RunError, match=f"recurring run/{name}: expected one of this name, got none"):
        schedule.find(api, name)
    assert api.ask(f"run/{fired}", api.runs.run_service_get_run, fired).state == "SUCCEEDED"


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
