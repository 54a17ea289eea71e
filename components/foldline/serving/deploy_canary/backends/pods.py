"""What the state of a predictor's pods means: no network.

KServe does not mention images that cannot be pulled, pods that fit on no node, or containers that ran out of memory.
"""

from dataclasses import dataclass

from foldline.cluster import Object

MOST_STARTS = 3
SOURCE = "internal.serving.kserve.io/storage-initializer-sourceuri"
_HOPELESS = ("InvalidImageName", "ErrImageNeverPull", "CreateContainerConfigError", "CreateContainerError")
# A slow node gives the same reasons with these words, and tries again by itself.
_PASSING = ("timed out", "deadline exceeded", "failed to reserve container name")


@dataclass(frozen=True)
class Trouble:
    """Why a pod does not serve; `hopeless` where it never will."""

    container: str
    state: str
    hopeless: bool = False


def pod_labels(name: str) -> str:
    """Selector of the predictor's pods."""
    return f"serving.kserve.io/inferenceservice={name}"


def trouble(pod: Object) -> Trouble | None:
    """Why the pod does not serve yet; None where it is ready."""
    status = pod.get("status") or {}
    conditions = {condition["type"]: condition for condition in status.get("conditions", [])}
    if conditions.get("Ready", {}).get("status") == "True":
        return None
    scheduled = conditions.get("PodScheduled", {})
    if scheduled.get("status") == "False":
        return Trouble(
            "", f"pod/{name_of(pod)} is {scheduled.get('reason', 'Unschedulable')}: {scheduled.get('message', '')}"
        )
    started = [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]
    for container in started:
        if not container.get("ready"):
            return _of_container(pod, container)
    return Trouble("", f"pod/{name_of(pod)} is {status.get('phase', 'Pending')}")


def ready_since(pods: list[Object]) -> set[tuple[str, str]]:
    """Of the ready pods which one it is (uid), and since when it has been ready."""
    found = set()
    for pod in pods:
        for condition in (pod.get("status") or {}).get("conditions", []):
            if condition["type"] == "Ready" and condition.get("status") == "True" and not is_ending(pod):
                found.add((str(pod["metadata"]["uid"]), str(condition.get("lastTransitionTime", ""))))
    return found


def speaker(pods: list[Object], uri: str) -> tuple[str, str] | None:
    """Pod and container of the model at `uri` whose log says why it does not serve; None where none has begun."""
    for pod in pods:
        found = trouble(pod) if source(pod) == uri and not is_ending(pod) else None
        if found is not None and found.container:
            return name_of(pod), found.container
    return None


def source(pod: Object) -> str:
    """Address of the model that the pod was started for; each pod carries it."""
    return str((pod["metadata"].get("annotations") or {}).get(SOURCE, ""))


def is_ending(pod: Object) -> bool:
    """Whether the pod is being deleted."""
    return bool(pod["metadata"].get("deletionTimestamp"))


def name_of(pod: Object) -> str:
    """The pod's name."""
    return str(pod["metadata"]["name"])


def _of_container(pod: Object, container: Object) -> Trouble:
    name, where = container["name"], f"container {container['name']} of pod/{name_of(pod)}"
    waiting = (container.get("state") or {}).get("waiting") or {}
    ended = (container.get("state") or {}).get("terminated") or (container.get("lastState") or {}).get("terminated")
    reason = waiting.get("reason", "")
    if ended and (ended.get("exitCode") or ended.get("reason") == "OOMKilled"):
        starts = container.get("restartCount", 0) + ("terminated" in container["state"] or bool(waiting))
        lines = str(ended.get("message", "")).strip().splitlines()
        said = f": {lines[-1][:300]}" if lines else ""
        state = f"{where} ended with exit code {ended.get('exitCode')} ({ended.get('reason')}), {starts} times{said}"
        return Trouble(name, state, ended.get("reason") == "OOMKilled" or starts >= MOST_STARTS)
    if reason in _HOPELESS or reason in ("ErrImagePull", "ImagePullBackOff"):
        said = waiting.get("message", "")
        passing = any(words in said.lower() for words in _PASSING)
        state = f"{where} has {reason} (image {container.get('image')}): {said}"
        return Trouble("", state, reason in _HOPELESS and not passing)
    if waiting:
        return Trouble("", f"{where} waits: {reason or 'no reason given'}")
    return Trouble(name, f"{where} runs and is not ready")
