"""Pipelines and their versions on a server; a file that is there is not uploaded again."""

import hashlib
import json
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from foldline.errors import RunError
from foldline_pipelines.kubeflow.connection import Connection

_EQUALS = 1


class Version(NamedTuple):
    """A version of a pipeline on the server."""

    pipeline_id: str
    version_id: str
    pipeline: str
    name: str
    uploaded: bool


def ensure_version(connection: Connection, file: Path, pipeline: str) -> Version:
    """The version of `pipeline` that holds exactly the compiled `file`; uploaded when it is not there yet.

    Its name is the version of this package and the beginning of the file's SHA-256.

    Raises:
        RunError: the server refuses.
    """
    digest = hashlib.sha256(file.read_bytes()).hexdigest()[:12]
    name = f"{version('foldline')}-{digest}"
    pipeline_id = _ensure_pipeline(connection, pipeline)
    what = f"pipeline version/{pipeline} {name}"
    if found := _versions(connection, pipeline_id, name, what):
        return Version(pipeline_id, found[0].pipeline_version_id, pipeline, name, uploaded=False)
    try:
        made = connection.ask(
            what,
            connection.uploads.upload_pipeline_version,
            str(file),
            # Where pipelines are stored in Kubernetes this is the name of an object, alone in its namespace.
            name=f"{pipeline}-{name}",
            display_name=name,
            pipelineid=pipeline_id,
        )
    except RunError:
        # Another client may have uploaded the same file a moment ago.
        if found := _versions(connection, pipeline_id, name, what):
            return Version(pipeline_id, found[0].pipeline_version_id, pipeline, name, uploaded=False)
        raise
    return Version(pipeline_id, made.pipeline_version_id, pipeline, name, uploaded=True)


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


def named(name: str) -> str:
    """The server's filter for objects that have this name in the UI."""
    return having("display_name", name)


def having(key: str, value: str) -> str:
    """The server's filter for objects of which the field `key` is `value`."""
    return json.dumps({"predicates": [{"operation": _EQUALS, "key": key, "stringValue": value}]})


def _ensure_pipeline(connection: Connection, name: str) -> str:
    what = f"pipeline/{name}"
    found = connection.ask(
        what, connection.pipelines.pipeline_service_list_pipelines, filter=named(name), **connection.scope
    )
    if found.pipelines:
        return str(found.pipelines[0].pipeline_id)
    body = {"name": name, "display_name": name, **connection.scope}
    return str(connection.ask(what, connection.pipelines.pipeline_service_create_pipeline, body).pipeline_id)


def _versions(connection: Connection, pipeline_id: str, name: str, what: str) -> list[Any]:
    answer = connection.ask(
        what, connection.pipelines.pipeline_service_list_pipeline_versions, pipeline_id, filter=named(name)
    )
    return list(answer.pipeline_versions or [])
