"""Each component as a pod of its image: the compiled pipeline, every task under Kubeflow's security context."""

import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from builders import containers, pod
from builders.tables import customers
from foldline._image import IMAGES, image
from foldline_pipelines import registry

ROOT = Path(__file__).resolve().parents[4]

# The first test waits for the import of all images.
pytestmark = [pytest.mark.level("node"), pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def imported(on_node: Callable[[str], None]) -> None:
    """The images of this checkout, on the cluster's node."""
    for name in IMAGES:
        on_node(image(name))


@pytest.fixture(scope="module")
def namespace(kubectl: Callable[..., str]) -> Iterator[str]:
    name = f"test-{uuid.uuid4().hex[:8]}"
    kubectl("create", "namespace", name)
    yield name
    kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture(scope="module")
def tasks(imported: None, namespace: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("line")
    table = customers(folder / "customers.csv", rows=500, seed=1)
    start = [sys.executable, pod.__file__, namespace]
    return containers.run_all_pipelines(folder, table, lambda image: [*start, image, str(folder), "--"])


@pytest.mark.parametrize("component", sorted(set(registry.components()) - {"tune_on_katib"}))
def test_a_component_succeeds_as_a_pod_of_its_image(component: str, tasks: dict[str, dict[str, Any]]) -> None:
    task = tasks[component.replace("_", "-")]
    assert task["state"] == "succeeded", task.get("message")


def test_the_first_model_is_promoted(tasks: dict[str, dict[str, Any]]) -> None:
    assert tasks["deploy-canary"]["artifacts"]["decision"]["metadata"]["verdict"] == "promote"
