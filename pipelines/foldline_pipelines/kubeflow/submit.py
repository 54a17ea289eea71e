"""A run on a server: what its tasks can read, and its start."""

from collections.abc import Mapping
from typing import Any

from foldline.errors import ArgumentError
from foldline_pipelines.kubeflow.connection import Connection
from foldline_pipelines.kubeflow.upload import Version, ensure_experiment

ENDED = {"SUCCEEDED", "FAILED", "SKIPPED", "CANCELED"}


def reachable(given: Mapping[str, Any], declared: Mapping[str, Any]) -> None:
    """Check that pods can read and keep what the addresses among the arguments name.

    Raises:
        ArgumentError: an address is a path of this machine, or the model store has none.
    """
    for name, value in given.items():
        if name.endswith("_uri") and value and "://" not in value:
            raise ArgumentError(
                name,
                expected="an address that pods reach (s3://, minio://, https://)",
                got=f"{value!r}, a path of this machine",
                fix="Copy it to a bucket; file:// names a path inside the pods.",
            )
    if "store_uri" in declared and not given.get("store_uri"):
        raise ArgumentError(
            "store_uri",
            expected="a bucket for the model store (s3://, minio://)",
            got="none",
            fix="What a pod writes to its own disk ends with it.",
        )


def start(
    connection: Connection, version: Version, parameters: Mapping[str, Any], *, experiment: str, name: str
) -> str:
    """Start a run of a version with typed parameters; returns its id.

    Raises:
        RunError: the server refuses; holds its own message.
    """
    body = {
        "display_name": name,
        "experiment_id": ensure_experiment(connection, experiment),
        "pipeline_version_reference": {"pipeline_id": version.pipeline_id, "pipeline_version_id": version.version_id},
        "runtime_config": {"parameters": dict(parameters)},
    }
    return str(connection.ask(f"run/{name}", connection.runs.run_service_create_run, body).run_id)


def address(connection: Connection, run_id: str) -> str:
    """Address of a run in the UI."""
    return f"{connection.ui}/#/runs/details/{run_id}"
