"""Facts of a cluster, read from its API server; what may not be read is unknown, with the reason."""

import json
import re
from collections.abc import Mapping
from typing import Any

from kubernetes.client import ApiClient

from foldline.errors import RunError
from foldline_pipelines.doctor.facts import Facts, KServe, Node, Secret, Unknown
from foldline_pipelines.doctor.permissions import PERMISSIONS
from foldline_pipelines.doctor.reader import Reader
from foldline_pipelines.placement import S3_SECRET

CAPABILITY_OF_PEOPLE = "runs"
_KSERVE_NAMESPACES = ("kserve", "kubeflow")
_GROUPS = ("serving.kserve.io", "kubeflow.org", "gateway.networking.k8s.io", "serving.knative.dev")
_ACCELERATOR = re.compile(r"gpu|tpu|/mig-")
_DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"


def gather(api: ApiClient, namespace: str, account: str, endpoint: str) -> Facts:
    """Everything that the checks ask about; about 60 requests.

    Args:
        namespace: where pipelines run.
        account: service account of the pipelines' pods there; empty takes the permissions of who asks.
        endpoint: address of Kubeflow Pipelines; may be empty.

    Raises:
        ClusterError: the API server does not answer, or does not accept the credentials.
    """
    reader = Reader(api)
    user = reader.user()
    core = f"/api/v1/namespaces/{namespace}"
    kserve = f"/apis/serving.kserve.io/v1alpha1/namespaces/{namespace}"
    return Facts(
        namespace=namespace,
        user=user,
        account=account,
        kubernetes=str(reader.get("/version", "version")["gitVersion"]),
        resources=_resources(reader),
        allowed={
            (permission, verb): reader.may(
                permission, verb, namespace, "" if permission.capability == CAPABILITY_OF_PEOPLE else account
            )
            for permission in PERMISSIONS
            for verb in permission.verbs
        },
        labels=_labels(reader.find(f"/api/v1/namespaces/{namespace}", "namespaces")),
        pull_secrets=_pull_secrets(reader.find(f"{core}/serviceaccounts/{account}", "serviceaccounts"))
        if account
        else None,
        secret=_secret(reader.find(f"{core}/secrets/{S3_SECRET}", "secrets")),
        runtime=_there(reader.find(f"{kserve}/servingruntimes/foldline-server", "servingruntimes")),
        server_account=_there(reader.find(f"{core}/serviceaccounts/foldline-server", "serviceaccounts")),
        kserve=_kserve(reader),
        nodes=_nodes(reader.find("/api/v1/nodes", "nodes")),
        storage_classes=_storage_classes(reader.find("/apis/storage.k8s.io/v1/storageclasses", "storageclasses")),
        cache=_phase(reader.find(f"{core}/persistentvolumeclaims/foldline-cache", "persistentvolumeclaims")),
        health=_health(endpoint, namespace) if endpoint else None,
    )


def _resources(reader: Reader) -> frozenset[str]:
    """Kinds of objects in the groups that matter, as `plural.group`."""
    groups = {group["name"]: group["preferredVersion"] for group in reader.get("/apis", "API groups")["groups"]}
    found = set()
    for name in _GROUPS:
        version = groups[name]["groupVersion"] if name in groups else ""
        listed = reader.find(f"/apis/{version}", f"the resources of {version}") if version else None
        if isinstance(listed, dict):
            found |= {f"{one['name']}.{name}" for one in listed["resources"]}
    return frozenset(found)


def _labels(found: dict[str, Any] | Unknown | None) -> Mapping[str, str] | Unknown | None:
    return (found["metadata"].get("labels") or {}) if isinstance(found, dict) else found


def _pull_secrets(found: dict[str, Any] | Unknown | None) -> tuple[str, ...] | Unknown | None:
    return tuple(one["name"] for one in found.get("imagePullSecrets") or []) if isinstance(found, dict) else found


def _secret(found: dict[str, Any] | Unknown | None) -> Secret | Unknown | None:
    if not isinstance(found, dict):
        return found
    return Secret(frozenset(found.get("data") or {}), found["metadata"].get("annotations") or {})


def _there(found: dict[str, Any] | Unknown | None) -> bool | Unknown:
    return found if isinstance(found, Unknown) else found is not None


def _phase(found: dict[str, Any] | Unknown | None) -> str | Unknown | None:
    return str(found["status"].get("phase", "")) if isinstance(found, dict) else found


def _kserve(reader: Reader) -> KServe | Unknown:
    found: dict[str, Any] | Unknown | None = None
    for namespace in _KSERVE_NAMESPACES:
        core = f"/api/v1/namespaces/{namespace}"
        found = reader.find(f"{core}/configmaps/inferenceservice-config", f"configmaps in namespace {namespace}")
        if isinstance(found, dict):
            break
    if not isinstance(found, dict):
        return found or Unknown(f"no ConfigMap inferenceservice-config in {' or '.join(_KSERVE_NAMESPACES)}")
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments/kserve-controller-manager"
    controller = reader.find(path, "deployments")
    version = ""
    if isinstance(controller, dict):
        containers = controller["spec"]["template"]["spec"]["containers"]
        images = [one["image"] for one in containers if one["name"] == "manager"]
        version = images[0].partition("@")[0].rpartition("/")[2].partition(":")[2] if images else ""
    data = found.get("data") or {}
    try:
        deploy, ingress = json.loads(data.get("deploy", "{}")), json.loads(data.get("ingress", "{}"))
    except ValueError:
        return Unknown(f"ConfigMap inferenceservice-config in namespace {namespace} holds no JSON")
    return KServe(version, str(deploy.get("defaultDeploymentMode", "")), bool(ingress.get("enableGatewayApi")))


def _nodes(found: dict[str, Any] | Unknown | None) -> tuple[Node, ...] | Unknown:
    if not isinstance(found, dict):
        return found or Unknown("the API server has no nodes")
    return tuple(
        Node(
            name=one["metadata"]["name"],
            accelerators={
                name: int(count)
                for name, count in (one.get("status", {}).get("allocatable") or {}).items()
                if _ACCELERATOR.search(name)
            },
            labels=one["metadata"].get("labels") or {},
            taints=tuple(one["spec"].get("taints") or ()),
        )
        for one in found["items"]
    )


def _storage_classes(found: dict[str, Any] | Unknown | None) -> Mapping[str, bool] | Unknown:
    if not isinstance(found, dict):
        return found or {}
    return {
        one["metadata"]["name"]: (one["metadata"].get("annotations") or {}).get(_DEFAULT_CLASS) == "true"
        for one in found["items"]
    }


def _health(endpoint: str, namespace: str) -> Mapping[str, Any] | Unknown:
    # Only with an endpoint: the client of kfp takes more than a second to import.
    from foldline.kubeflow.connection import connect

    try:
        text = connect(endpoint, namespace).text("Kubeflow Pipelines", "/apis/v2beta1/healthz")
        content: dict[str, Any] = json.loads(text)
    except RunError as fault:
        return Unknown(str(fault))
    return content
