"""InferenceServices of KServe as plain objects, and what their state means: no network.

KServe writes the generation of the Deployment into `status.observedGeneration`, keeps `Ready` of an earlier model while
the next one fails to start, and does not mention images that cannot be pulled or pods that fit on no node. So the pods
are looked at too: each one carries the address of the model that it was started for.
"""

import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from foldline.cluster import INFERENCE_SERVICES, Object
from foldline.errors import ArgumentError
from foldline.object_store import is_object_address
from foldline.serving.deploy_canary.backends.pods import is_ending, name_of, source, trouble
from foldline.waiting import Done, Failed, Outcome, Pending

RUNTIME = "foldline-server"
SERVICE_ACCOUNT = "foldline-server"
MODEL_FORMAT = "foldline"
MANAGED_BY = {"app.kubernetes.io/managed-by": "foldline"}
_CHALLENGER = "-challenger"
_SERVICE = "-predictor"
_LONGEST_NAME = 63 - len(_CHALLENGER) - len(_SERVICE)
_NAME = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_CONDITIONS = ("PredictorReady", "IngressReady", "Ready")


@dataclass(frozen=True)
class Seen:
    """One look at an InferenceService.

    Attributes:
        service: None where there is none.
        pods: of its predictor, those of an earlier model too.
        warnings: what the cluster last said of objects of its name, the oldest first.
    """

    service: Object | None
    pods: list[Object] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def check_arguments(store_uri: str, model_name: str) -> None:
    """Refuse what KServe cannot serve.

    Raises:
        ArgumentError: the store is a folder of this machine, or the name cannot name an InferenceService.
    """
    if not is_object_address(store_uri):
        raise ArgumentError(
            "store_uri",
            expected="a bucket (s3://bucket/prefix or minio://bucket/prefix), as backend kserve needs",
            got=repr(store_uri),
            fix="Pods cannot read a folder of this machine: put the model store into a bucket.",
        )
    if not _NAME.fullmatch(model_name) or len(model_name) > _LONGEST_NAME:
        raise ArgumentError(
            "model_name",
            expected=f"1 to {_LONGEST_NAME} lower-case letters, digits and dashes, a letter first, as backend kserve "
            "needs",
            got=repr(model_name[:80]),
        )


def challenger_name(model_name: str) -> str:
    """Name of the InferenceService in which a challenger is tried."""
    return f"{model_name}{_CHALLENGER}"


def address(service: Object) -> tuple[str, int]:
    """Host and port of the predictor inside the cluster, as KServe says; a Service without an address has port 8080."""
    metadata = service["metadata"]
    stated = ((service.get("status") or {}).get("address") or {}).get("url", "")
    parts = urlsplit(stated)
    return parts.hostname or f"{metadata['name']}{_SERVICE}.{metadata['namespace']}.svc", parts.port or 80


def build(name: str, namespace: str, uri: str, *, cluster_local: bool) -> Object:
    """An InferenceService for the model at `uri` (s3://…), of one pod or more."""
    visibility = {"networking.kserve.io/visibility": "cluster-local"} if cluster_local else {}
    return {
        "apiVersion": INFERENCE_SERVICES.api_version,
        "kind": INFERENCE_SERVICES.kind,
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": {**MANAGED_BY, **visibility},
            "annotations": {"serving.kserve.io/deploymentMode": "Standard"},
        },
        "spec": {
            "predictor": {
                "minReplicas": 1,
                "serviceAccountName": SERVICE_ACCOUNT,
                "model": {
                    "modelFormat": {"name": MODEL_FORMAT, "version": "1"},
                    "runtime": RUNTIME,
                    "storageUri": uri,
                },
            }
        },
    }


def warnings(events: list[Object], name: str) -> list[str]:
    """What the events say of the InferenceService and of what it is made of, the oldest first."""
    concerned = [
        event
        for event in events
        if (about := event["involvedObject"].get("name", "")) == name or about.startswith(f"{name}{_SERVICE}")
    ]
    concerned.sort(key=lambda event: str(event.get("lastTimestamp") or event["metadata"].get("creationTimestamp")))
    return [f"{event.get('reason')}: {event.get('message')}" for event in concerned]


def is_ours(service: Object) -> bool:
    """Whether Foldline made it, and not a person or another program."""
    return MANAGED_BY.items() <= (service["metadata"].get("labels") or {}).items()


def model_uri(service: Object) -> str:
    """Address of the model that it is to serve; empty where it has none."""
    predictor = service["spec"].get("predictor") or {}
    return str((predictor.get("model") or {}).get("storageUri", ""))


def pointed_at(uri: str) -> Object:
    """The merge patch that lets an InferenceService serve the model at `uri`; its other settings stay."""
    return {"spec": {"predictor": {"model": {"storageUri": uri}}}}


def judge(seen: Seen, uri: str) -> Outcome:
    """Whether every answer of the InferenceService now comes from the model at `uri`."""
    if seen.service is None:
        return Failed("it was deleted meanwhile")
    if model_uri(seen.service) != uri:
        return Failed(f"somebody pointed it at {model_uri(seen.service) or 'no model'} meanwhile")
    status = seen.service.get("status") or {}
    model = status.get("modelStatus") or {}
    info = model.get("lastFailureInfo") or {}
    if model.get("transitionStatus") == "InvalidSpec":
        return Failed(f"{info.get('reason', 'InvalidSpec')}: {info.get('message', '')} (runtime {RUNTIME})")
    current = [pod for pod in seen.pods if source(pod) == uri and not is_ending(pod)]
    earlier = [pod for pod in seen.pods if source(pod) != uri]
    troubles = [found for pod in current if (found := trouble(pod)) is not None]
    hopeless = next((found for found in troubles if found.hopeless), None)
    if hopeless is not None:
        return Failed(_with_info(hopeless.state, model, info))
    if not current:
        return Pending(seen.warnings[-1] if seen.warnings else f"no pod yet; {_conditions(status) or 'no condition'}")
    if troubles:
        return Pending(_with_info(troubles[0].state, model, info))
    if earlier:
        return Pending(f"pod/{name_of(earlier[0])} of the model before has not ended")
    wanting = _conditions(status)
    return Pending(wanting) if wanting else Done()


def described(seen: Seen, uri: str) -> dict[str, Any]:
    """Names and addresses of what serves, for the decision's figures."""
    if seen.service is None:
        return {}
    metadata, (host, port) = seen.service["metadata"], address(seen.service)
    inside = f"http://{host}:{port}"
    return {
        "inference_service": metadata["name"],
        "namespace": metadata["namespace"],
        "url": (seen.service.get("status") or {}).get("url") or inside,
        "address_in_cluster": inside,
        "pods": ", ".join(name_of(pod) for pod in seen.pods if source(pod) == uri and not is_ending(pod)),
        "model_uri": uri,
    }


def _with_info(state: str, model: Object, info: Object) -> str:
    """`state`, and what KServe knows of a model that failed to load."""
    failed = (model.get("states") or {}).get("targetModelState") == "FailedToLoad"
    message = str(info.get("message", "")).strip().splitlines()
    if not failed or not message or message[-1][:300] in state:
        return state
    return f"{state}; {info.get('reason', 'FailedToLoad')}: {message[-1][:300]}"


def _conditions(status: Object) -> str:
    """The conditions that are not true, in words; empty where all are."""
    found = {condition["type"]: condition for condition in status.get("conditions", [])}
    wanting = []
    for name in _CONDITIONS:
        condition = found.get(name, {"status": "missing"})
        if condition["status"] != "True":
            words = " ".join(str(condition.get(key, "")) for key in ("reason", "message")).strip()
            wanting.append(f"condition {name} is {condition['status']}{f': {words}' if words else ''}")
    return "; ".join(wanting)
