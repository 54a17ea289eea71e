"""The manifests, as kustomize reads them: no cluster."""

import re
import shutil
import subprocess
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import yaml

from foldline._image import DEFAULT_REGISTRY
from foldline.serving.deploy_canary.backends import inference_service
from foldline_pipelines.doctor.permissions import PERMISSIONS, Permission
from foldline_pipelines.placement import S3_SECRET

ROOT = Path(__file__).resolve().parents[2]
MANIFESTS = ROOT / "manifests"
FILES = sorted(MANIFESTS.rglob("*.yaml"))
OVERLAYS = {path.parent.name: path.parent for path in (MANIFESTS / "overlays").glob("*/kustomization.yaml")}
OBJECTS = [
    (path, document)
    for path in FILES
    if path.name != "kustomization.yaml"
    for document in yaml.safe_load_all(path.read_text())
]
CAPABILITIES = sorted({permission.capability for permission in PERMISSIONS})
Object = dict[str, Any]


def of_kind(kind: str) -> list[Object]:
    return [document for _, document in OBJECTS if document["kind"] == kind]


def containers() -> list[Object]:
    return [one for runtime in of_kind("ServingRuntime") for one in runtime["spec"]["containers"]]


@cache
def built(overlay: str) -> list[Object]:
    if not shutil.which("kubectl"):
        pytest.skip("kubectl is not installed: make test-cluster builds one and runs this test with it")
    command = ["kubectl", "kustomize", str(OVERLAYS[overlay])]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert ended.returncode == 0, ended.stderr
    return list(yaml.safe_load_all(ended.stdout))


@pytest.mark.parametrize("capability", CAPABILITIES)
def test_a_role_grants_what_its_capability_needs_and_no_more(capability: str) -> None:
    (role,) = [role for role in of_kind("Role") if role["metadata"]["name"] == f"foldline-{capability}"]
    granted = {
        (group, resource): set(rule["verbs"])
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }
    assert granted == {(one.group, one.path): set(one.verbs) for one in PERMISSIONS if one.capability == capability}
    assert all(set(rule) == {"apiGroups", "resources", "verbs"} for rule in role["rules"])


def test_there_are_no_other_roles_and_each_is_bound() -> None:
    names = {f"foldline-{capability}" for capability in CAPABILITIES}
    assert {role["metadata"]["name"] for role in of_kind("Role")} == names
    assert {binding["roleRef"]["name"] for binding in of_kind("RoleBinding")} == names
    assert not of_kind("ClusterRole")
    assert not of_kind("ClusterRoleBinding")


@pytest.mark.parametrize("permission", PERMISSIONS, ids=lambda one: f"{one.capability}-{one.qualified}")
def test_the_readme_says_why_each_verb_is_granted(permission: Permission) -> None:
    text = (MANIFESTS / "README.md").read_text()
    verbs = ", ".join(permission.verbs)
    row = f"| `foldline-{permission.capability}` | `{permission.qualified}` | {verbs} | {permission.why} |"
    assert row in text.splitlines()


def test_the_readme_names_no_permission_that_is_not_granted() -> None:
    rows = re.findall(r"^\| `foldline-\w+` \|", (MANIFESTS / "README.md").read_text(), flags=re.MULTILINE)
    assert len(rows) == len(PERMISSIONS)


def test_the_tag_of_the_image_stands_once_and_is_the_version_of_the_package() -> None:
    texts = {path: path.read_text() for path in FILES}
    assert [text.count(version("foldline")) for text in texts.values() if version("foldline") in text] == [1]
    images = yaml.safe_load((MANIFESTS / "components" / "serving" / "kustomization.yaml").read_text())["images"]
    (own,) = [image for image in images if image["name"] == f"{DEFAULT_REGISTRY}/foldline-server"]
    assert own["newTag"] == version("foldline")
    assert all(":" not in container["image"] for container in containers())


def test_nothing_secret_is_in_the_files() -> None:
    for path, document in OBJECTS:
        assert document["kind"] != "Secret", path
    for path in (*FILES, MANIFESTS / "README.md"):
        assert not re.search(r"secretGenerator|AWS_SECRET_ACCESS_KEY[=:]\s*[A-Za-z0-9]{8,}", path.read_text()), path


def test_containers_cannot_become_root_nor_write_to_their_images() -> None:
    assert containers()
    for container in containers():
        context = container["securityContext"]
        assert context["runAsNonRoot"] is True
        assert context["runAsUser"] >= 1000
        assert context["readOnlyRootFilesystem"] is True
        assert context["allowPrivilegeEscalation"] is False
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}
        assert container["resources"]["limits"]["memory"]


def test_the_runtime_is_the_one_that_deploy_canary_asks_for() -> None:
    service = inference_service.build("flights", "ml", "s3://models/flights/1", cluster_local=True)
    predictor = service["spec"]["predictor"]
    (runtime,) = [one for one in of_kind("ServingRuntime") if one["metadata"]["name"] == predictor["model"]["runtime"]]
    assert predictor["model"]["modelFormat"].items() <= runtime["spec"]["supportedModelFormats"][0].items()
    (account,) = of_kind("ServiceAccount")
    assert account["metadata"]["name"] == predictor["serviceAccountName"]
    assert account["secrets"] == [{"name": S3_SECRET}]


def test_a_runtime_that_others_may_want_takes_no_model_by_itself() -> None:
    for runtime in of_kind("ServingRuntime"):
        for form in runtime["spec"]["supportedModelFormats"]:
            assert form["autoSelect"] is (form["name"] == "foldline")


def test_policies_and_metrics_choose_the_pods_of_the_runtimes() -> None:
    selectors = [policy["spec"]["podSelector"]["matchLabels"] for policy in of_kind("NetworkPolicy")]
    selectors += [policy["spec"]["selector"]["matchLabels"] for policy in of_kind("AuthorizationPolicy")]
    assert len(selectors) == 3
    for runtime in of_kind("ServingRuntime"):
        assert all(selector.items() <= runtime["spec"]["labels"].items() for selector in selectors)
    for runtime in of_kind("ServingRuntime"):
        labels = runtime["spec"]["labels"]
        (metrics,) = [one for one in of_kind("Service") if one["spec"]["selector"].items() <= labels.items()]
        (monitor,) = [
            one
            for one in of_kind("ServiceMonitor")
            if one["spec"]["selector"]["matchLabels"].items()
            <= (metrics["metadata"]["labels"] | {"app.kubernetes.io/part-of": "foldline"}).items()
        ]
        assert runtime["metadata"]["name"].endswith(monitor["metadata"]["name"])
        assert monitor["spec"]["endpoints"][0]["port"] == metrics["spec"]["ports"][0]["name"]


def test_the_monitors_read_the_paths_that_the_servers_have() -> None:
    paths = {one["metadata"]["name"]: one["spec"]["endpoints"][0]["path"] for one in of_kind("ServiceMonitor")}
    (settings,) = of_kind("ConfigMap")
    assert f'path: "{paths["tensorflow-serving"]}"' in settings["data"]["monitoring.config"]
    (own,) = [one for one in of_kind("ServingRuntime") if one["metadata"]["name"] == "foldline-server"]
    (container,) = own["spec"]["containers"]
    port = str(container["ports"][0]["containerPort"])
    assert own["spec"]["annotations"] == {
        "prometheus.kserve.io/path": paths["foldline-server"],
        "prometheus.kserve.io/port": port,
    }
    assert f"--port={port}" in container["args"]


def test_a_server_that_loads_is_alive_and_one_that_can_answer_is_ready() -> None:
    (own,) = [one for one in of_kind("ServingRuntime") if one["metadata"]["name"] == "foldline-server"]
    (container,) = own["spec"]["containers"]
    asked = {name: container[name]["httpGet"]["path"] for name in ("startupProbe", "livenessProbe", "readinessProbe")}
    assert asked == {
        "startupProbe": "/v2/health/live",
        "livenessProbe": "/v2/health/live",
        "readinessProbe": "/v2/health/ready",
    }


@pytest.mark.parametrize(
    ("overlay", "namespace", "account"),
    [
        ("standalone", "kubeflow", "pipeline-runner"),
        ("multi-user", "kubeflow-user-example-com", "default-editor"),
        ("minikf", "kubeflow", "pipeline-runner"),
    ],
)
def test_an_overlay_binds_the_account_of_its_pipelines(overlay: str, namespace: str, account: str) -> None:
    objects = built(overlay)
    assert {one["metadata"]["namespace"] for one in objects} == {namespace}
    subject = {"kind": "ServiceAccount", "name": account, "namespace": namespace}
    bindings = [one for one in objects if one["kind"] == "RoleBinding"]
    assert len(bindings) == len(CAPABILITIES)
    assert all(binding["subjects"] == [subject] for binding in bindings)
    assert all(one["metadata"]["labels"]["app.kubernetes.io/part-of"] == "foldline" for one in objects)


@pytest.mark.parametrize("overlay", sorted(OVERLAYS))
def test_images_have_a_tag_once_an_overlay_is_built(overlay: str) -> None:
    runtimes = [one for one in built(overlay) if one["kind"] == "ServingRuntime"]
    images = {container["image"] for runtime in runtimes for container in runtime["spec"]["containers"]}
    assert f"{DEFAULT_REGISTRY}/foldline-server:{version('foldline')}" in images
    assert all(re.search(r":[0-9][\w.]+$", image) for image in images)


def test_with_istio_the_servers_have_no_sidecar_and_are_allowed_by_name() -> None:
    objects = built("multi-user")
    runtimes = [one for one in objects if one["kind"] == "ServingRuntime"]
    assert [runtime["spec"]["labels"]["sidecar.istio.io/inject"] for runtime in runtimes] == ["false", "false"]
    assert [one["metadata"]["name"] for one in objects if one["kind"] == "AuthorizationPolicy"] == ["foldline-server"]
    assert all(one["kind"] != "AuthorizationPolicy" for one in built("standalone"))


def test_one_node_is_asked_for_little_and_its_own_storage_class() -> None:
    objects = built("minikf")
    (claim,) = [one for one in objects if one["kind"] == "PersistentVolumeClaim"]
    assert claim["spec"]["storageClassName"] == "standard"
    assert claim["spec"]["resources"]["requests"]["storage"] == "5Gi"
    for runtime in [one for one in objects if one["kind"] == "ServingRuntime"]:
        resources = runtime["spec"]["containers"][0]["resources"]
        assert resources["requests"] == {"cpu": "50m", "memory": "512Mi"}
        assert not any("gpu" in name for name in resources["limits"])
