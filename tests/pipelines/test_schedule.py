"""`foldline schedule` against the wire of Kubeflow Pipelines."""

from collections.abc import Callable
from pathlib import Path

import pytest

from builders.kubeflow import Kubeflow

Command = Callable[..., tuple[int, str]]
TYPED = ("--set", "dataset_uri=s3://a/b", "--set", "store_uri=s3://models")


def test_parameters_keep_their_types_and_runs_do_not_pile_up(
    server: Kubeflow, command: Command, compiled: Callable[[str], Path]
) -> None:
    status, output = command("schedule", compiled("typed"), *TYPED, "--set", "n_folds=3", "--cron", "0 3 * * *")
    assert status == 0, output
    (made,) = server.recurring_runs.values()
    assert made["runtime_config"]["parameters"]["n_folds"] == 3
    assert made["trigger"] == {"cron_schedule": {"cron": "0 0 3 * * *"}}
    assert (made["no_catchup"], made["max_concurrency"], made["mode"]) == (True, "1", "ENABLE")
    assert "typed: active, fires by cron 0 0 3 * * *, one run at a time" in output
    assert output.count(" 03:00:00") == 3
    assert "next times in UTC: " in output
    assert "  n_folds: 3" in output


def test_an_interval_fires_after_itself(server: Kubeflow, command: Command, compiled: Callable[[str], Path]) -> None:
    status, output = command("schedule", compiled("count"), "--every", "7d", "--name", "weekly")
    assert status == 0, output
    (made,) = server.recurring_runs.values()
    assert made["trigger"] == {"periodic_schedule": {"interval_second": "604800"}}
    assert "weekly: active, fires every 1w" in output


def test_a_name_that_is_taken_is_refused_with_the_way_to_replace_it(
    server: Kubeflow, command: Command, compiled: Callable[[str], Path]
) -> None:
    assert command("schedule", compiled("count"), "--every", "7d")[0] == 0
    status, output = command("schedule", compiled("count"), "--cron", "0 3 * * *")
    assert status == 1
    assert "recurring run/count: expected a name that is free, got one that fires every 1w and is active." in output
    assert "foldline schedule --remove count" in output
    assert len(server.recurring_runs) == 1


def test_a_recurring_run_is_shown_paused_resumed_and_removed(
    server: Kubeflow, command: Command, compiled: Callable[[str], Path]
) -> None:
    assert command("schedule", compiled("count"), "--cron", "0 3 * * *", "--name", "nightly")[0] == 0
    assert "nightly  active  by cron 0 0 3 * * *" in command("schedule", "--list")[1]
    assert command("schedule", "--pause", "nightly") == (
        0,
        "nightly is paused; next: foldline schedule --resume nightly\n",
    )
    assert "nightly: paused, fires by cron" in command("schedule", "--show", "nightly")[1]
    assert "nightly: active" in command("schedule", "--resume", "nightly")[1]
    assert command("schedule", "--remove", "nightly")[0] == 0
    assert server.recurring_runs == {}
    assert "there are none" in command("schedule", "--list")[1]


@pytest.mark.parametrize(("state", "stays"), [("RUNNING", True), ("SUCCEEDED", False), ("FAILED", False)])
def test_a_recurring_run_stays_while_a_run_of_it_goes_on(
    state: str, stays: bool, server: Kubeflow, command: Command, compiled: Callable[[str], Path]
) -> None:
    assert command("schedule", compiled("count"), "--every", "7d", "--name", "weekly")[0] == 0
    server.runs["other"] = {"run_id": "other", "recurring_run_id": "another", "state": "RUNNING"}
    server.runs["run-1"] = {"run_id": "run-1", "recurring_run_id": next(iter(server.recurring_runs)), "state": state}
    status, output = command("schedule", "--remove", "weekly")
    assert status == int(stays), output
    assert bool(server.recurring_runs) == stays
    if stays:
        assert "recurring run/weekly: expected no run of it that goes on, got run/run-1 in state RUNNING." in output
        assert "weekly: paused" in command("schedule", "--show", "weekly")[1]


def test_a_name_that_is_not_there_is_answered_with_those_that_are(
    server: Kubeflow, command: Command, compiled: Callable[[str], Path]
) -> None:
    assert command("schedule", compiled("count"), "--every", "7d")[0] == 0
    status, output = command("schedule", "--pause", "coutn")
    assert status == 1
    assert "recurring run/coutn: expected one of this name, got none. There are: count." in output


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "foldline schedule: expected a pipeline, or one of --list"),
        (["--list", "--show", "a"], "got 2 of them"),
        (["PIPELINE"], "expected one of --cron and --every, got none"),
        (["PIPELINE", "--cron", "0 3 * * *", "--every", "7d"], "expected one of --cron and --every, got both"),
        (["PIPELINE", "--cron", "0 3 * * 7"], "Sunday is 0."),
        (["PIPELINE", "--every", "1"], "--every: expected a whole number with"),
        (["PIPELINE", "--every", "7d", "--set", "rows=x"], "rows: expected a whole number, got 'x' (text)."),
    ],
)
def test_arguments_are_checked_before_the_server_is_asked(
    words: list[str], message: str, server: Kubeflow, command: Command, compiled: Callable[[str], Path]
) -> None:
    status, output = command("schedule", *(compiled("count") if word == "PIPELINE" else word for word in words))
    assert status == 1
    assert message in output
    assert server.pipelines == {}


WATCH = (
    "schedule", "watch_drift", "--cron", "0 6 * * 1", "--set", "dataset_uri=s3://tables/flights.parquet", "--set",
    "label=late", "--set", "time_column=time", "--set", "store_uri=s3://models",
)  # fmt: skip
STATE = ("--set", "state_uri=s3://models/watch")


def test_a_watch_is_scheduled_one_at_a_time_and_without_the_weeks_that_were_missed(
    server: Kubeflow, command: Command
) -> None:
    training = "arguments={dataset_uri: 's3://tables/flights.parquet', label: late, epochs: 3}"
    status, output = command(*WATCH, *STATE, "--set", training)
    assert status == 0, output
    (made,) = server.recurring_runs.values()
    assert (made["no_catchup"], made["max_concurrency"], made["display_name"]) == (True, "1", "watch-drift")
    assert made["runtime_config"]["parameters"]["arguments"]["epochs"] == 3


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "state_uri: expected a bucket for what watches remember (s3://, minio://), got none."),
        (
            (*STATE, "--set", "arguments={dataset_uri: tables/flights.csv}"),
            "arguments.dataset_uri: expected an address that pods reach (s3://, minio://, https://), got 'tables/fl",
        ),
    ],
)
def test_a_watch_that_could_not_remember_or_train_is_not_scheduled(
    words: tuple[str, ...], message: str, server: Kubeflow, command: Command
) -> None:
    status, output = command(*WATCH, *words)
    assert status == 1
    assert message in output
    assert server.recurring_runs == {}
