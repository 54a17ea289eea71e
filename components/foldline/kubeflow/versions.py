"""Versions of a pipeline on a server, found by name."""

from typing import NamedTuple

from foldline.errors import RunError
from foldline.kubeflow.connection import Connection
from foldline.kubeflow.listing import every, named

_NEWEST_FIRST = "created_at desc"


class Version(NamedTuple):
    """A version of a pipeline on the server; `uploaded` where the one who asks for it has just put it there."""

    pipeline_id: str
    version_id: str
    pipeline: str
    name: str
    uploaded: bool = False


def find_version(connection: Connection, pipeline: str, version: str) -> Version:
    """The version of this name, or the newest where the name is empty.

    Raises:
        RunError: there is no such pipeline or version; names those that there are.
    """
    service = connection.pipelines
    call = service.pipeline_service_list_pipelines
    found = list(every(connection, "pipelines", call, filter=named(pipeline), **connection.scope))
    if not found:
        others = sorted(str(one.display_name) for one in every(connection, "pipelines", call, **connection.scope))
        raise RunError(
            f"pipeline/{pipeline}",
            expected="a pipeline of this name",
            got="none",
            fix=f"There are: {', '.join(others) or 'no pipelines'}. Upload it, as foldline submit and kfp do.",
        )
    identity = str(found[0].pipeline_id)
    versions = list(
        every(
            connection,
            "pipeline_versions",
            service.pipeline_service_list_pipeline_versions,
            identity,
            sort_by=_NEWEST_FIRST,
        )
    )
    for one in versions:
        if version in ("", one.display_name):
            return Version(identity, str(one.pipeline_version_id), pipeline, str(one.display_name))
    raise RunError(
        f"pipeline version/{pipeline} {version}".rstrip(),
        expected="a version of this name" if version else "a version",
        got="none",
        fix=f"There are: {', '.join(str(one.display_name) for one in versions) or 'no versions'}.",
    )
