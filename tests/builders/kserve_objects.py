"""Objects as KServe and the kubelet write them."""

from typing import Any

SOURCE = "internal.serving.kserve.io/storage-initializer-sourceuri"
CONDITIONS = ("IngressReady", "PredictorReady", "Ready")
Json = dict[str, Any]


def service(uri: str, *, name: str = "late", model_status: Json | None = None, **conditions: str) -> Json:
    """An InferenceService that Foldline made, all conditions true but those that are given."""
    listed = [{"type": kind, "status": conditions.get(kind, "True")} for kind in CONDITIONS]
    return {
        "metadata": {"name": name, "namespace": "team", "labels": {"app.kubernetes.io/managed-by": "foldline"}},
        "spec": {"predictor": {"model": {"storageUri": uri}}},
        "status": {
            "url": f"http://{name}.example",
            "conditions": listed,
            "modelStatus": model_status or {"transitionStatus": "UpToDate"},
        },
    }


def pod(uri: str, *containers: Json, name: str = "late-predictor-1", ready: bool = False, **changed: Any) -> Json:
    """A predictor's pod with the statuses of its containers."""
    return {
        "metadata": {
            "name": name,
            "namespace": "team",
            "labels": {"serving.kserve.io/inferenceservice": name.partition("-predictor")[0]},
            "annotations": {SOURCE: uri},
            **({"deletionTimestamp": "2026-01-01T00:00:00Z"} if changed.get("ending") else {}),
        },
        "status": {
            "phase": "Running" if ready else "Pending",
            "conditions": changed.get("conditions", [{"type": "Ready", "status": str(ready)}]),
            "initContainerStatuses": [one for one in containers if one["name"] == "storage-initializer"],
            "containerStatuses": [one for one in containers if one["name"] != "storage-initializer"],
        },
    }


def container(state: str = "running", name: str = "kserve-container", restarts: int = 0, **said: Any) -> Json:
    """The status of a container that is not ready."""
    image = "ghcr.io/foldline/foldline-server:1"
    return {"name": name, "ready": False, "restartCount": restarts, "image": image, "state": {state: said}}


def crashed(
    times: int, name: str = "kserve-container", reason: str = "Error", code: int = 1, message: str = ""
) -> Json:
    """A container that ended `times` times and waits to be started again."""
    waiting = container("waiting", name, times - 1, reason="CrashLoopBackOff", message="back-off")
    return {**waiting, "lastState": {"terminated": {"exitCode": code, "reason": reason, "message": message}}}
