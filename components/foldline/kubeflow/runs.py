"""Runs on a server: started, found and ended."""

from collections.abc import Mapping
from datetime import datetime
from itertools import takewhile
from typing import Any

from foldline.kubeflow.connection import Connection
from foldline.kubeflow.listing import every, named
from foldline.kubeflow.versions import Version

ENDED = frozenset({"SUCCEEDED", "FAILED", "SKIPPED", "CANCELED"})


def start(
    connection: Connection,
    version: Version,
    parameters: Mapping[str, Any],
    *,
    experiment: str,
    name: str,
    description: str = "",
) -> Any:
    """Start a run of a version with typed parameters; the run as the server made it.

    Raises:
        RunError: the server refuses; holds its own message.
    """
    body = {
        "display_name": name,
        "description": description,
        "experiment_id": ensure_experiment(connection, experiment),
        "pipeline_version_reference": {"pipeline_id": version.pipeline_id, "pipeline_version_id": version.version_id},
        "runtime_config": {"parameters": dict(parameters)},
    }
    return connection.ask(f"run/{name}", connection.runs.run_service_create_run, body)


def of_name(connection: Connection, name: str) -> list[Any]:
    """All runs that have this name, the oldest first; of the same second, in the order of their ids.

    Raises:
        RunError: the server refuses.
    """
    call = connection.runs.run_service_list_runs
    found = every(connection, "runs", call, filter=named(name), **connection.scope)
    return sorted(found, key=lambda run: (run.created_at, run.run_id))


def since(connection: Connection, moment: datetime) -> list[Any]:
    """All runs that were made after `moment` (aware), the newest first.

    Raises:
        RunError: the server refuses.
    """
    call = connection.runs.run_service_list_runs
    found = every(connection, "runs", call, sort_by="created_at desc", **connection.scope)
    return list(takewhile(lambda run: run.created_at > moment, found))


def terminate(connection: Connection, run_id: str) -> None:
    """Ask a run to end; it is CANCELED when its pods have.

    Raises:
        RunError: the server refuses.
    """
    connection.ask(f"run/{run_id}", connection.runs.run_service_terminate_run, run_id)


def address(connection: Connection, run_id: str) -> str:
    """Address of a run in the UI."""
    return f"{connection.ui}/#/runs/details/{run_id}"


def ensure_experiment(connection: Connection, name: str) -> str:
    """Id of the experiment of this name; made when it is not there.

    Raises:
        RunError: the server refuses.
    """
    what = f"experiment/{name}"
    found = connection.ask(
        what, connection.experiments.experiment_service_list_experiments, filter=named(name), **connection.scope
    )
    if found.experiments:
        return str(found.experiments[0].experiment_id)
    body = {"display_name": name, **connection.scope}
    made = connection.ask(what, connection.experiments.experiment_service_create_experiment, body)
    return str(made.experiment_id)
