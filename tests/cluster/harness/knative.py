"""Knative Serving with Kourier as its router: objects of the modules' own folders, fitted to a small node."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from . import build, images, places
from .node import rolled_out
from .process import apply, kubectl, settle

_MODULE = "knative"
_SERVING, _KOURIER = "knative.dev/serving", "knative.dev/net-kourier"
_NETWORKING, _CACHING = "knative.dev/networking", "knative.dev/caching"
PROGRAMS = ("controller", "webhook", "activator", "autoscaler", "queue", "kourier")
_LEFT_OUT = ("CustomResourceDefinition", "HorizontalPodAutoscaler", "PodDisruptionBudget")
_SETTINGS: dict[str, dict[str, str]] = {
    # Nothing here can ask a registry for a digest; an image `localhost/NAME` is read as one of Docker Hub.
    "config-deployment": {
        "registries-skipping-tag-resolving": "kind.local,ko.local,dev.local,index.docker.io,ghcr.io",
        "queue-sidecar-cpu-request": "10m",
    },
    "config-network": {"ingress-class": "kourier.ingress.networking.knative.dev"},
    "config-domain": {"example.com": ""},
    "config-observability": {"request-metrics-protocol": "prometheus"},
}


def is_known() -> bool:
    """Whether the API server knows Knative's kinds of objects."""
    return bool(kubectl("get", "customresourcedefinition", "services.serving.knative.dev", "--ignore-not-found"))


def custom_resources() -> None:
    """Let the API server know them."""
    others = [file for path in (_NETWORKING, _CACHING) for file in _files(_folder(path)) if _defines(file)]
    apply(*_files(_folder(_SERVING) / "300-resources"), *others)


def up() -> None:
    """Start Knative and wait until it serves; its custom resources are known."""
    for name in PROGRAMS:
        images.load_once(images.program_image(f"knative-{name}"))
    serving = _folder(_SERVING)
    files = [
        *_files(serving),
        *(file for part in ("200-roles", "configmaps", "deployments", "webhooks") for file in _files(serving / part)),
        *_files(_folder(_NETWORKING)),
        *_files(_folder(_KOURIER)),
    ]
    objects = [_fitted(one) for one in _objects(files)]
    spaces = [one for one in objects if one["kind"] == "Namespace"]
    others = [one for one in objects if one["kind"] != "Namespace"]
    for name, items in (("knative-namespaces", spaces), ("knative", others)):
        apply(settle(places.SETTINGS / f"{name}.yaml", {"apiVersion": "v1", "kind": "List", "items": items}))
    for one in others:
        if one["kind"] == "Deployment":
            rolled_out(one["metadata"]["name"], one["metadata"]["namespace"])


def _folder(path: str) -> Path:
    folder = build.module_folder(_MODULE, path) / "config"
    return folder / "core" if path == _SERVING else folder


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.yaml"))


def _defines(file: Path) -> bool:
    return "kind: CustomResourceDefinition" in file.read_text()


def _objects(files: list[Path]) -> Iterator[dict[str, Any]]:
    """Each object once, without those that only a larger cluster needs."""
    seen = set()
    for file in files:
        for one in yaml.safe_load_all(file.read_text()):
            if not one or one["kind"] in _LEFT_OUT:
                continue
            identity = (one["kind"], one["metadata"].get("namespace"), one["metadata"]["name"])
            if identity not in seen:
                seen.add(identity)
                yield one


def _fitted(one: dict[str, Any]) -> dict[str, Any]:
    """The object with images that are here, one pod each, and addresses inside the cluster only."""
    one = _with_images(one)
    name = one["metadata"]["name"]
    if one["kind"] == "ConfigMap" and name in _SETTINGS:
        one["data"] = {**(one.get("data") or {}), **_SETTINGS[name]}
    if one["kind"] == "Service" and one["spec"].get("type") == "LoadBalancer":
        one["spec"]["type"] = "ClusterIP"
    if one["kind"] == "Deployment":
        one["spec"]["replicas"] = 1
        for container in one["spec"]["template"]["spec"]["containers"]:
            container["imagePullPolicy"] = "IfNotPresent"
            container.setdefault("resources", {})["requests"] = {"cpu": "10m", "memory": "32Mi"}
            if "envoyproxy/envoy" in container["image"]:
                container["image"] = "localhost/envoy:1.40.0"
                # Its commands are not in this image.
                del container["lifecycle"]
                container["readinessProbe"] |= {"initialDelaySeconds": 1, "periodSeconds": 1}
    return one


def _with_images(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _with_images(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_with_images(inner) for inner in value]
    if isinstance(value, str) and value.startswith("ko://"):
        return f"localhost/knative-{value.rpartition('/')[2]}:1"
    return value
