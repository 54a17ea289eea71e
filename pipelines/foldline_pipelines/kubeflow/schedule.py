"""Recurring runs on a server: typed parameters, one run at a time, none for the times that were missed."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from foldline.errors import ArgumentError, RunError
from foldline.kubeflow.connection import Connection
from foldline.kubeflow.listing import every, having, named
from foldline.kubeflow.runs import ENDED, ensure_experiment
from foldline.kubeflow.versions import Version
from foldline_pipelines.kubeflow import recurrence

SHOWN_TIMES = 3


def make(
    connection: Connection,
    version: Version,
    parameters: Mapping[str, Any],
    *,
    name: str,
    experiment: str,
    cron: recurrence.Cron | None,
    interval_s: int,
) -> Any:
    """Make a recurring run by a cron expression, or else by an interval in seconds.

    Raises:
        ArgumentError: there is one of this name.
        RunError: the server refuses; holds its own message.
    """
    if earlier := _named(connection, name):
        raise ArgumentError(
            f"recurring run/{name}",
            expected="a name that is free",
            got=f"one that fires {when(earlier[0])} and is {state(earlier[0])}",
            fix=f"Choose another with --name, or first: foldline schedule --remove {name}.",
        )
    trigger = (
        {"cron_schedule": {"cron": cron.expression}}
        if cron
        else {"periodic_schedule": {"interval_second": str(interval_s)}}
    )
    body = {
        "display_name": name,
        "experiment_id": ensure_experiment(connection, experiment),
        "pipeline_version_reference": {"pipeline_id": version.pipeline_id, "pipeline_version_id": version.version_id},
        "runtime_config": {"parameters": dict(parameters)},
        "trigger": trigger,
        "mode": "ENABLE",
        "max_concurrency": "1",
        "no_catchup": True,
    }
    return connection.ask(
        f"recurring run/{name}", connection.recurring_runs.recurring_run_service_create_recurring_run, body
    )


def listed(connection: Connection) -> list[Any]:
    """All recurring runs that the person can see, in the order of their names."""
    call = connection.recurring_runs.recurring_run_service_list_recurring_runs
    return sorted(every(connection, "recurring_runs", call, **connection.scope), key=lambda one: str(one.display_name))


def find(connection: Connection, name: str) -> Any:
    """The recurring run of this name, whole.

    Raises:
        RunError: there is none, or there are several.
    """
    found = _named(connection, name)
    what = f"recurring run/{name}"
    if len(found) != 1:
        others = ", ".join(str(one.display_name) for one in listed(connection))
        raise RunError(
            what,
            expected="one of this name",
            got=f"{len(found)}" if found else "none",
            fix="Remove the others in the UI." if found else f"There are: {others or 'no recurring runs'}.",
        )
    service = connection.recurring_runs
    return connection.ask(what, service.recurring_run_service_get_recurring_run, found[0].recurring_run_id)


def pause(connection: Connection, name: str) -> None:
    """Let a recurring run fire no more until it is resumed; runs that have begun go on."""
    _change(connection, name, "disable")


def resume(connection: Connection, name: str) -> None:
    """Let a paused recurring run fire again; the times that it missed stay missed."""
    _change(connection, name, "enable")


def remove(connection: Connection, name: str) -> None:
    """Delete a recurring run; its earlier runs stay.

    Kubeflow deletes the pods of its runs with it, and a run that was going on stays in state RUNNING for ever.

    Raises:
        RunError: there is none, there are several, or one of its runs goes on; it is paused then.
    """
    what = f"recurring run/{name}"
    pause(connection, name)
    recurring_id = find(connection, name).recurring_run_id
    call = connection.runs.run_service_list_runs
    for run in every(connection, "runs", call, filter=having("recurring_run_id", recurring_id), **connection.scope):
        if (state := run.state or "PENDING") not in ENDED:
            raise RunError(
                what,
                expected="no run of it that goes on",
                got=f"run/{run.run_id} in state {state}",
                fix="It is paused now. Remove it when that run has ended, or end the run first in the UI (Terminate).",
            )
    _change(connection, name, "delete")


def state(recurring: Any) -> str:
    """Active, or paused."""
    return "paused" if recurring.status == "DISABLED" or recurring.mode == "DISABLE" else "active"


def when(recurring: Any) -> str:
    """Its trigger in words."""
    cron, interval_s = _trigger(recurring)
    return f"by cron {cron}" if cron else f"every {recurrence.in_words(interval_s)}"


def next_times(recurring: Any, now: datetime) -> list[datetime]:
    """When it fires next after `now`, in UTC; none while it is paused."""
    if state(recurring) == "paused":
        return []
    cron, interval_s = _trigger(recurring)
    if cron:
        try:
            return recurrence.cron(cron).after(now, SHOWN_TIMES)
        except ArgumentError:
            return []
    # Kubeflow counts from the last run, or from the making of the recurring run when there was none.
    made = (recurring.created_at or now).astimezone(UTC)
    passed = max(0, int((now - made).total_seconds()) // interval_s)
    return [made + timedelta(seconds=interval_s * (passed + number)) for number in range(1, SHOWN_TIMES + 1)]


def _trigger(recurring: Any) -> tuple[str, int]:
    trigger = recurring.trigger
    if trigger.cron_schedule is not None:
        return str(trigger.cron_schedule.cron), 0
    return "", int(trigger.periodic_schedule.interval_second)


def _named(connection: Connection, name: str) -> list[Any]:
    answer = connection.ask(
        f"recurring run/{name}",
        connection.recurring_runs.recurring_run_service_list_recurring_runs,
        filter=named(name),
        **connection.scope,
    )
    return list(answer.recurring_runs or [])


def _change(connection: Connection, name: str, verb: str) -> None:
    call = getattr(connection.recurring_runs, f"recurring_run_service_{verb}_recurring_run")
    connection.ask(f"recurring run/{name}", call, find(connection, name).recurring_run_id)
