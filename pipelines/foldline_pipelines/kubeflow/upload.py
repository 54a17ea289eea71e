"""Pipelines and their versions on a server; a file that is there is not uploaded again."""

import hashlib
from importlib.metadata import version
from pathlib import Path
from typing import Any

from foldline.errors import RunError
from foldline.kubeflow.connection import Connection
from foldline.kubeflow.listing import named
from foldline.kubeflow.versions import Version


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
        return Version(pipeline_id, found[0].pipeline_version_id, pipeline, name)
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
            return Version(pipeline_id, found[0].pipeline_version_id, pipeline, name)
        raise
    return Version(pipeline_id, made.pipeline_version_id, pipeline, name, uploaded=True)


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
