"""What the tests of manifests and doctor put into the cluster."""

import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from kubernetes import config
from kubernetes.client import ApiClient

from builders.custom_resources import CRDS, eventually, text_of

NAMESPACES = ("kubeflow", "kubeflow-user-example-com")
Kubectl = Callable[..., str]
Object = dict[str, Any]


@pytest.fixture(scope="session")
def api(kubeconfig: Path) -> Iterator[ApiClient]:
    """The administrator's way to the API server."""
    with config.new_client_from_config(config_file=str(kubeconfig)) as client:
        yield client


@pytest.fixture(scope="session")
def custom_resources(kubectl: Kubectl) -> None:
    """The CRDs that the overlays need; those that are not there yet are created, and stay as on a cluster in use."""
    there = kubectl("get", "customresourcedefinitions", "--output=name")
    for name in CRDS:
        if name not in there:
            kubectl("apply", "--server-side", "--filename=-", given=text_of(name))
            eventually(partial(_established, kubectl, name), True)


@pytest.fixture
def apply(kubectl: Kubectl, namespace: str) -> Callable[[Path], str]:
    """Applies a kustomization in the namespace of the test, as the README of the manifests does; what kubectl says."""

    def call(folder: Path) -> str:
        text = kubectl("kustomize", str(folder))
        for name in NAMESPACES:
            text = text.replace(f"namespace: {name}\n", f"namespace: {namespace}\n")
        return kubectl("apply", "--server-side", "--filename=-", given=text)

    return call


@pytest.fixture
def create(kubectl: Kubectl) -> Iterator[Callable[[Object], None]]:
    """Creates an object outside of the test's namespace, and deletes it after the test."""
    made: list[str] = []

    def call(content: Object) -> None:
        text = json.dumps(content)
        kubectl("create", "--filename=-", given=text)
        made.append(text)

    yield call
    for text in reversed(made):
        kubectl("delete", "--filename=-", "--wait=true", given=text)


def _established(kubectl: Kubectl, name: str) -> bool:
    """Whether the API server serves the custom resource: kubectl wait gives up on one that has no conditions yet."""
    found = json.loads(kubectl("get", "customresourcedefinition", name, "--output=json"))
    states = found.get("status", {}).get("conditions") or []
    return any(state["type"] == "Established" and state["status"] == "True" for state in states)
