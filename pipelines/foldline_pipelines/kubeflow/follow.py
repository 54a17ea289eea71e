"""A run on a server, followed until it ends."""

import json
import time
from typing import Any, NamedTuple

from rich.console import Console

from foldline.errors import RunError
from foldline.kubeflow.connection import Connection
from foldline.kubeflow.runs import ENDED
from foldline_pipelines.kubeflow import workflow
from foldline_pipelines.local.display import Display

_POLL_S = 3.0
_NO_LOG = '{"error_message"'
# An API server that restarts, or a port-forward that is made again, comes back within this time.
_PATIENCE_S = 120.0


class Ended(NamedTuple):
    """How a run ended: the state that Kubeflow gives, its tasks, and why it failed (task: message)."""

    state: str
    tasks: list[dict[str, Any]]
    reasons: list[str]


def follow(
    connection: Connection,
    run_id: str,
    names: list[str],
    console: Console,
    *,
    timeout_s: float,
) -> Ended:
    """Show the tasks of a run until it ends.

    Args:
        connection: to Kubeflow Pipelines.
        run_id: of the run.
        names: tasks that are known beforehand, in their order.
        console: where progress is shown.
        timeout_s: seconds until the wait ends; the run itself goes on.

    Raises:
        RunError: the time is over, or the server has not answered for two minutes; names the state last seen.
    """
    what = f"run/{run_id}"
    deadline = time.monotonic() + timeout_s
    answered, state = time.monotonic(), "unknown"
    with Display(console, measured=False) as display:
        while True:
            try:
                state = connection.ask(what, connection.runs.run_service_get_run, run_id).state or "PENDING"
                manifest = _manifest(connection, run_id)
                answered = time.monotonic()
                seen = workflow.tasks(manifest) if manifest else []
                display.show(seen + [_waiting(name) for name in names if name not in {one["task"] for one in seen}])
                if state in ENDED:
                    reasons = _reasons(connection, run_id, manifest) if state == "FAILED" and manifest else []
                    return Ended(state, seen, reasons)
            except RunError:
                if time.monotonic() - answered > _PATIENCE_S:
                    raise
            if time.monotonic() >= deadline:
                raise RunError(
                    what,
                    expected=f"its end within {timeout_s:.0f} s",
                    got=f"state {state}",
                    fix="It goes on; look at it in the UI.",
                )
            time.sleep(min(_POLL_S, max(0.0, deadline - time.monotonic())))


def _waiting(name: str) -> dict[str, Any]:
    return {"task": name, "state": "waiting"}


def _manifest(connection: Connection, run_id: str) -> dict[str, Any]:
    """The run's Workflow; empty before there is one, and where the server no longer has this older API."""
    try:
        text = connection.text(f"run/{run_id}", f"/apis/v1beta1/runs/{run_id}")
        manifest = json.loads(text).get("pipeline_runtime", {}).get("workflow_manifest") or "{}"
        content: dict[str, Any] = json.loads(manifest)
    except (RunError, json.JSONDecodeError):
        return {}
    return content if content.get("status") else {}


def _reasons(connection: Connection, run_id: str, manifest: dict[str, Any]) -> list[str]:
    """Why pods failed: the error in each one's log, else what Argo says."""
    reasons = []
    for pod in workflow.failed_pods(manifest):
        try:
            log = connection.text(f"pod/{pod.name}", f"/apis/v1alpha1/runs/{run_id}/nodes/{pod.name}/log")
        except RunError:
            log = ""
        # A log that is gone comes with status 200, and the error in its place.
        told = "" if log.startswith(_NO_LOG) else workflow.reason(log)
        reasons.append(f"{pod.task}: {told or pod.message or 'its pod failed without a message'}")
    return reasons
