"""Tasks of a run, read from the Argo Workflow that carries it out.

Pure. Kubeflow's own list of tasks holds neither what belongs together nor why a pod failed.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

# Kubeflow's driver of what holds tasks: a sub-pipeline, a loop, a condition.
_HOLDER = "system-dag-driver"
# Steps of a path that conditions make.
_CONDITION = re.compile(r"(?:^|(?<=\.))condition-(?:branches-)?\d+\.")
_ATTEMPT = re.compile(r"\(\d+\)(?=\.|$)")
_STATES = {
    "Pending": "waiting",
    "Running": "running",
    "Succeeded": "succeeded",
    "Skipped": "skipped",
    "Omitted": "skipped",
    "Failed": "failed",
    "Error": "failed",
}
_ENDED_WRONG = ("Failed", "Error")
_LOG_OF_THE_LAUNCHER = re.compile(r"[IWEF]\d{4} |time=\"")
_FATAL = re.compile(r"F\d{4} [^\]]*\] (?P<text>.+)")
_ERROR = re.compile(r"^(?:\w+\.)*\w*(?:Error|Exception|Exit|Interrupt): (?P<text>.+)")


class FailedPod(NamedTuple):
    """A pod that ended wrong, the task that it belongs to, and what Argo says of it."""

    task: str
    name: str
    message: str


def tasks(manifest: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Task, state and seconds of each task whose driver has begun, in the order in which they began.

    A state is waiting, running, succeeded, cached, skipped or failed. Tasks of sub-pipelines are named with their path.
    A sub-pipeline, a loop or a condition is listed itself only where it failed to begin.
    """
    nodes = _last_attempts(manifest)
    found: list[dict[str, Any]] = []
    for path, node in sorted(nodes.items(), key=lambda item: item[1].get("startedAt") or "~"):
        if path.endswith("-driver"):
            name = path.removesuffix("-driver")
            state = _STATES.get(node.get("phase", ""), "waiting")
            holds = name == "root" or node.get("templateName") == _HOLDER
            if (not holds or state == "failed") and not any(other.startswith(f"{name}.") for other in nodes):
                state = "running" if state == "succeeded" else state
                found.append({"task": _short(name), "state": state, **_times(node, {})})
        elif path.endswith(".executor"):
            name = path.removesuffix(".executor")
            whole = _STATES.get(nodes.get(name, node).get("phase", ""), "waiting")
            own = _STATES.get(node.get("phase", ""), "waiting")
            state = "cached" if (own, whole) == ("skipped", "succeeded") else whole
            found.append({"task": _short(name), "state": state, **_times(nodes.get(f"{name}-driver", node), node)})
    return found


def failed_pods(manifest: Mapping[str, Any]) -> list[FailedPod]:
    """Pods whose last attempt ended wrong, the first to end first."""
    nodes = _last_attempts(manifest, kind="Pod")
    wrong = [(path, node) for path, node in nodes.items() if node.get("phase") in _ENDED_WRONG]
    wrong.sort(key=lambda item: item[1].get("finishedAt") or "~")
    return [FailedPod(_task(path), pod_name(manifest, node), node.get("message", "")) for path, node in wrong]


def reason(log: str) -> str:
    """The error at the end of a pod's log: the program's, else that of Kubeflow's driver or launcher; or empty."""
    lines = [line.strip() for line in log.splitlines()]
    own = [line for line in lines if line and not _LOG_OF_THE_LAUNCHER.match(line)]
    for line in reversed(own):
        if match := _ERROR.match(line):
            return match["text"]
    fatal = [match["text"] for line in lines if (match := _FATAL.match(line))]
    return own[-1] if own else fatal[-1] if fatal else ""


def _last_attempts(manifest: Mapping[str, Any], kind: str = "") -> dict[str, dict[str, Any]]:
    """Nodes by path below the workflow; of several attempts the last, of attempts and what retries them the latter."""
    workflow = manifest["metadata"]["name"]
    nodes: dict[str, dict[str, Any]] = {}
    for node in manifest.get("status", {}).get("nodes", {}).values():
        if kind and node.get("type") != kind:
            continue
        path = _ATTEMPT.sub("", node["name"]).removeprefix(workflow).lstrip(".")
        earlier = nodes.get(path)
        if earlier is None or _rank(node) > _rank(earlier):
            nodes[path] = node
    return nodes


def _rank(node: Mapping[str, Any]) -> tuple[bool, str]:
    return node.get("type") == "Retry", node.get("startedAt") or ""


def _task(path: str) -> str:
    return _short(path.removesuffix(".executor").removesuffix("-driver"))


def _short(path: str) -> str:
    return _CONDITION.sub("", path.removeprefix("root."))


def _times(first: Mapping[str, Any], last: Mapping[str, Any]) -> dict[str, Any]:
    started, finished = first.get("startedAt"), last.get("finishedAt")
    if not started:
        return {}
    if not finished:
        return {"started": started}
    seconds = (datetime.fromisoformat(finished) - datetime.fromisoformat(started)).total_seconds()
    return {"started": started, "seconds": seconds}


def pod_name(manifest: Mapping[str, Any], node: Mapping[str, Any]) -> str:
    """Name of a node's pod, as Argo makes it since 3.4."""
    workflow = manifest["metadata"]["name"]
    if manifest["metadata"].get("annotations", {}).get("workflows.argoproj.io/pod-name-format") == "v1":
        return str(node["id"])
    return f"{workflow}-{node['templateName']}-{node['id'].rpartition('-')[2]}"
