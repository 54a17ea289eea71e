"""Ways in which a compiled file comes to a Kubeflow."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import urllib3
import yaml

from foldline.kubeflow import connection
from foldline.kubeflow.listing import named
from foldline_pipelines import registry
from foldline_pipelines.compile import load

COMPILED = Path(__file__).resolve().parents[2] / "compiled"
Ended = subprocess.CompletedProcess[str]
PIPELINES = pytest.mark.parametrize("name", sorted(registry.pipelines()))


def stored(api: connection.Connection, pipeline_id: str, version_id: str) -> dict:
    version = api.ask("version", api.pipelines.pipeline_service_get_pipeline_version, pipeline_id, version_id)
    specification = version.pipeline_spec
    return specification.get("pipeline_spec", specification)


@PIPELINES
def test_kfp_creates_a_pipeline_and_another_version_of_it(
    name: str, kfp: Callable[..., Ended], api: connection.Connection, unique: str
) -> None:
    pipeline = f"{name}-{unique}".replace("_", "-")
    file = COMPILED / "pipelines" / f"{name}.yaml"
    created = kfp("pipeline", "create", "-p", pipeline, file)
    assert created.returncode == 0, created.stderr
    added = kfp("pipeline", "create-version", "-n", pipeline, "-v", f"{pipeline}-second", file)
    assert added.returncode == 0, added.stderr
    found = api.ask(pipeline, api.pipelines.pipeline_service_list_pipelines, filter=named(pipeline), **api.scope)
    (only,) = found.pipelines
    versions = api.ask(pipeline, api.pipelines.pipeline_service_list_pipeline_versions, only.pipeline_id)
    names = {one.display_name for one in versions.pipeline_versions}
    assert names == {pipeline, f"{pipeline}-second"}
    for one in versions.pipeline_versions:
        kept = stored(api, only.pipeline_id, one.pipeline_version_id)
        assert kept["root"]["dag"]["tasks"].keys() == load(file)["root"]["dag"]["tasks"].keys()


@PIPELINES
def test_the_upload_of_the_ui_is_taken(name: str, endpoint: str, api: connection.Connection, unique: str) -> None:
    pipeline = f"ui-{name}-{unique}".replace("_", "-")
    file = COMPILED / "pipelines" / f"{name}.yaml"
    query = f"name={pipeline}" + "".join(f"&{key}={value}" for key, value in api.scope.items())
    answer = urllib3.PoolManager(headers=api.client.default_headers).request(
        "POST",
        f"{endpoint.rstrip('/')}/apis/v2beta1/pipelines/upload?{query}",
        fields={"uploadfile": (file.name, file.read_bytes(), "application/x-yaml")},
    )
    assert answer.status == 200, answer.data
    assert json.loads(answer.data)["display_name"] == pipeline


def test_the_same_file_is_uploaded_once(
    foldline: Callable[..., Ended], small: Path, api: connection.Connection
) -> None:
    outputs = [foldline("submit", small) for _ in range(2)]
    for one in outputs:
        assert one.returncode == 0, one.stderr
    assert "is there" in outputs[1].stdout
    pipeline = load(small)["pipelineInfo"]["name"]
    found = api.ask(pipeline, api.pipelines.pipeline_service_list_pipelines, filter=named(pipeline), **api.scope)
    (only,) = found.pipelines
    versions = api.ask(pipeline, api.pipelines.pipeline_service_list_pipeline_versions, only.pipeline_id)
    assert len(versions.pipeline_versions) == 1


@PIPELINES
def test_objects_of_kubernetes_become_a_pipeline(
    name: str, kubectl: Callable[..., str], api: connection.Connection, namespace: str
) -> None:
    health = json.loads(api.text("health", "/apis/v2beta1/healthz"))
    if health.get("pipeline_store") != "kubernetes":
        pytest.skip("this Kubeflow keeps pipelines in its database, not in Kubernetes")
    file = COMPILED / "kubernetes" / f"{name}.yaml"
    kubectl("apply", "-n", namespace, "-f", str(file))
    title = next(iter(yaml.safe_load_all(file.read_text())))["metadata"]["name"]
    found = api.ask(title, api.pipelines.pipeline_service_list_pipelines, filter=named(title), **api.scope)
    assert [one.display_name for one in found.pipelines] == [title]
