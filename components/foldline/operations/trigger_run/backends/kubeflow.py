"""Runs on Kubeflow: of a pinned version of the pipeline, in the namespace of the connection."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from foldline.kubeflow import runs
from foldline.kubeflow.connection import Connection
from foldline.kubeflow.versions import find_version
from foldline.operations.trigger_run.backends.backend import LONGEST, Run

_ENDING = "CANCELING"


class KubeflowBackend:
    """One pipeline on a server.

    Args:
        pipeline: its name.
        version: name of its version; empty for the newest there is now.

    Raises:
        RunError: there is no such pipeline or version, or the server does not answer.
    """

    def __init__(self, connection: Connection, pipeline: str, version: str) -> None:
        self._connection = connection
        self._version = find_version(connection, pipeline, version)

    @property
    def pipeline(self) -> str:
        return self._version.pipeline

    @property
    def version(self) -> str:
        return self._version.name

    def under_way(self) -> list[Run]:
        since = runs.since(self._connection, datetime.now(UTC) - LONGEST)
        own = [run for run in since if _pipeline_of(run) == self._version.pipeline_id]
        return [run for run in map(self._run, own) if not run.ended]

    def named(self, name: str) -> list[Run]:
        return [self._run(run) for run in runs.of_name(self._connection, name)]

    def start(self, name: str, description: str, parameters: Mapping[str, Any]) -> None:
        pipeline = self._version.pipeline
        runs.start(self._connection, self._version, parameters, experiment=pipeline, name=name, description=description)

    def terminate(self, run: Run) -> None:
        runs.terminate(self._connection, run.id)

    def follow(self, run: Run) -> Run:
        """The run: it goes on by itself."""
        return run

    def _run(self, run: Any) -> Run:
        state = str(run.state or "PENDING")
        ended = state in runs.ENDED or state == _ENDING
        return Run(str(run.run_id), str(run.display_name), state, ended, runs.address(self._connection, run.run_id))


def _pipeline_of(run: Any) -> str:
    return str(run.pipeline_version_reference.pipeline_id) if run.pipeline_version_reference else ""
