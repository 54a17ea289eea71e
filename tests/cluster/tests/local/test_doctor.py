"""The doctor on a real API server: it names what is missing, one thing at a time, and what it may not read."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes import config
from kubernetes.client import ApiClient

from builders.custom_resources import ROOT, crd, eventually
from foldline_pipelines import registry
from foldline_pipelines.doctor.checks import INJECTION, check
from foldline_pipelines.doctor.findings import Status
from foldline_pipelines.doctor.gather import gather
from foldline_pipelines.doctor.permissions import of

pytestmark = pytest.mark.level("api")

COMMAND = str(Path(sys.executable).parent / "foldline")
BOTH = ("train_and_serve", "cross_validate")
ACCOUNT = "pipeline-runner"
Kubectl = Callable[..., str]
Create = Callable[[dict[str, Any]], None]
Doctor = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def storage_class(kubectl: Kubectl, create: Create) -> None:
    """A default StorageClass, where the cluster has none."""
    default = "storageclass.kubernetes.io/is-default-class"
    if f'"{default}": "true"' not in kubectl("get", "storageclasses", "--output=json"):
        metadata = {"name": "doctor", "annotations": {default: "true"}}
        kind = {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass"}
        create({**kind, "metadata": metadata, "provisioner": "kubernetes.io/no-provisioner"})


@pytest.fixture
def ready(
    apply: Callable[[Path], str], custom_resources: None, storage_class: None, kubectl: Kubectl, namespace: str
) -> str:
    """A namespace in which nothing is missing."""
    there = f"--namespace={namespace}"
    kubectl("create", "serviceaccount", ACCOUNT, there)
    keys = ("AWS_ACCESS_KEY_ID=someone", "AWS_SECRET_ACCESS_KEY=never-shown", "FOLDLINE_S3_ENDPOINT=http://minio:9000")
    kubectl("create", "secret", "generic", "foldline-s3", there, *(f"--from-literal={key}" for key in keys))
    kubectl("annotate", "secret", "foldline-s3", there, "serving.kserve.io/s3-endpoint=minio:9000")
    apply(ROOT / "manifests" / "overlays" / "standalone")
    return namespace


@pytest.fixture
def users(create: Create) -> None:
    """The kind of objects that tells a Kubeflow with users."""
    create(crd("kubeflow.org", "profiles", "Profile", scope="Cluster"))


@pytest.fixture
def person(kubectl: Kubectl, kubeconfig: Path, namespace: str, tmp_path: Path) -> Path:
    """Kubeconfig of somebody who has no rights yet: the account `ann`."""
    kubectl("create", "serviceaccount", "ann", f"--namespace={namespace}")
    token = kubectl("create", "token", "ann", f"--namespace={namespace}").strip()
    return with_token(kubeconfig, token, tmp_path / "ann.yaml")


@pytest.fixture
def doctor(kubeconfig: Path) -> Doctor:
    """The command; the administrator's by default."""

    def call(*arguments: str, config: Path | str = kubeconfig) -> subprocess.CompletedProcess[str]:
        environment = {"KUBECONFIG": str(config), "PATH": "/usr/bin:/bin", "HOME": "/nonexistent"}
        command = [COMMAND, "doctor", *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)

    return call


def with_token(kubeconfig: Path, token: str, file: Path) -> Path:
    content = yaml.safe_load(kubeconfig.read_text())
    for user in content["users"]:
        user["user"] = {"token": token}
    file.write_text(yaml.safe_dump(content))
    return file


def missing(api: ApiClient, namespace: str, account: str = ACCOUNT) -> list[str]:
    findings = check(gather(api, namespace, account, ""), BOTH)
    return [finding.what for finding in findings if finding.status is Status.MISSING]


def without_verb(kubectl: Kubectl, namespace: str, role: str, resource: str, verb: str) -> dict[str, Any]:
    """Take one verb out of a Role; the Role as it was."""
    found: dict[str, Any] = json.loads(kubectl("get", "role", role, f"--namespace={namespace}", "--output=json"))
    rules = [
        {**rule, "verbs": [one for one in rule["verbs"] if one != verb or rule["resources"] != [resource]]}
        for rule in found["rules"]
    ]
    set_rules(kubectl, namespace, role, [rule for rule in rules if rule["verbs"]])
    return found


def set_rules(kubectl: Kubectl, namespace: str, role: str, rules: list[dict[str, Any]]) -> None:
    patch = json.dumps({"rules": rules})
    kubectl("patch", "role", role, f"--namespace={namespace}", "--type=merge", f"--patch={patch}")


def test_with_everything_there_nothing_is_missing(ready: str, doctor: Doctor) -> None:
    ended = doctor("--namespace", ready, "--service-account", ACCOUNT)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    lines = ended.stdout.splitlines()
    every = ", ".join(registry.pipelines())
    assert lines[0].startswith(f"{every} in namespace {ready}; permissions of pods: service")
    assert lines[-2].startswith("nothing missing")
    assert not any(" missing " in line for line in lines[1:-2])
    assert "never-shown" not in ended.stdout + ended.stderr


@pytest.mark.level("serving")
def test_an_empty_namespace_lacks_what_the_overlay_and_the_secret_bring(
    custom_resources: None, storage_class: None, namespace: str, doctor: Doctor
) -> None:
    ended = doctor("train_and_serve", "--namespace", namespace, "--service-account", ACCOUNT)
    assert ended.returncode == 1
    told = [line.split("  ")[0] for line in ended.stdout.splitlines() if " missing " in line]
    needed = (*of("kserve"), *of("rollouts"))
    denied = [f"permission to {verb} {one.qualified}" for one in needed for verb in one.verbs]
    assert set(told) == {
        f"service account {ACCOUNT}",
        "secret/foldline-s3",
        "persistentvolumeclaim/foldline-cache",
        "servingruntime/foldline-server",
        "serviceaccount/foldline-server",
        *denied,
    }
    assert f"{len(told)} missing" in ended.stdout
    assert f"manifests/overlays/standalone | sed 's/namespace: kubeflow$/namespace: {namespace}/'" in ended.stdout


@pytest.mark.level("serving")
def test_a_verb_that_is_taken_from_the_role_of_the_pods_is_named_alone(
    ready: str, api: ApiClient, kubectl: Kubectl
) -> None:
    # Both Roles let the account list pods.
    kubectl("delete", "rolebinding", "foldline-katib", f"--namespace={ready}")
    eventually(lambda: missing(api, ready), [])
    for permission in (*of("kserve"), *of("rollouts")):
        role = f"foldline-{permission.capability}"
        for verb in permission.verbs:
            before = without_verb(kubectl, ready, role, permission.path, verb)
            eventually(lambda: missing(api, ready), [f"permission to {verb} {permission.qualified}"])
            set_rules(kubectl, ready, role, before["rules"])
    eventually(lambda: missing(api, ready), [])


def test_a_verb_that_is_taken_from_a_persons_role_is_named_alone(
    ready: str, users: None, person: Path, kubectl: Kubectl
) -> None:
    there = f"--namespace={ready}"
    for role in ("foldline-runs", "foldline-kserve", "foldline-rollouts"):
        kubectl("create", "rolebinding", f"{role}-ann", f"--role={role}", f"--serviceaccount={ready}:ann", there)
    with config.new_client_from_config(config_file=str(person)) as own:
        eventually(lambda: missing(own, ready, ""), [])
        for permission in of("runs"):
            for verb in permission.verbs:
                before = without_verb(kubectl, ready, "foldline-runs", permission.path, verb)
                eventually(lambda: missing(own, ready, ""), [f"permission to {verb} {permission.qualified}"])
                set_rules(kubectl, ready, "foldline-runs", before["rules"])
                eventually(lambda: missing(own, ready, ""), [])


def test_who_may_read_nothing_is_told_what_cannot_be_told(ready: str, person: Path, doctor: Doctor) -> None:
    ended = doctor("--namespace", ready, "--service-account", ACCOUNT, config=person)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stderr == ""
    for reason in (
        "no permission to list nodes",
        "no permission to list storageclasses",
        "no permission to get secrets",
        "no permission to get servingruntimes",
        f"no permission to create localsubjectaccessreviews.authorization.k8s.io in namespace {ready}",
    ):
        assert reason in ended.stdout
    assert "nothing missing; " in ended.stdout


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (("delete", "secret", "foldline-s3"), "secret/foldline-s3"),
        (
            ("annotate", "secret", "foldline-s3", "serving.kserve.io/s3-endpoint-"),
            "annotation serving.kserve.io/s3-endpoint",
        ),
        (("delete", "servingruntime", "foldline-server"), "servingruntime/foldline-server"),
        (("delete", "serviceaccount", "foldline-server"), "serviceaccount/foldline-server"),
        (("delete", "serviceaccount", ACCOUNT), f"service account {ACCOUNT}"),
        (("delete", "persistentvolumeclaim", "foldline-cache", "--wait=true"), "persistentvolumeclaim/foldline-cache"),
    ],
    ids=lambda one: " ".join(one[:3]) if isinstance(one, tuple) else "",
)
def test_an_object_that_is_taken_away_is_named_alone(
    ready: str, api: ApiClient, kubectl: Kubectl, arguments: tuple[str, ...], what: str
) -> None:
    kubectl(*arguments, f"--namespace={ready}")
    eventually(lambda: missing(api, ready), [what])


def test_a_gpu_node_is_told_with_the_arguments_that_reach_it(
    api: ApiClient, kubectl: Kubectl, create: Create, namespace: str
) -> None:
    taint = {"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}
    create(
        {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": "doctor-gpu", "labels": {"nvidia.com/gpu.product": "doctor"}},
            "spec": {"taints": [taint], "unschedulable": True},
        }
    )
    amount = {"nvidia.com/gpu": "2"}
    patch = json.dumps({"status": {"capacity": amount, "allocatable": amount}})
    kubectl("patch", "node", "doctor-gpu", "--subresource=status", "--type=merge", f"--patch={patch}")
    findings = check(gather(api, namespace, "", ""), ["cross_validate"])
    (found,) = [finding for finding in findings if finding.what == "accelerators nvidia.com/gpu"]
    assert found.status is Status.OK
    assert "node/doctor-gpu has 2, taints nvidia.com/gpu=present:NoSchedule" in found.found
    assert json.dumps({"key": "nvidia.com/gpu", "operator": "Equal", **taint}) in found.fix
    assert "unschedulable" not in found.fix
    assert "--set accelerator_count=1 " in found.fix


def test_where_katib_is_there_a_namespace_without_its_label_is_told_but_not_missing(
    api: ApiClient, kubectl: Kubectl, create: Create, namespace: str
) -> None:
    create(crd("kubeflow.org", "experiments", "Experiment"))

    def label() -> list[tuple[Status, str]]:
        findings = check(gather(api, namespace, "", ""), BOTH)
        return [(one.status, one.fix) for one in findings if one.what.startswith("label for Katib")]

    fix = f"kubectl label namespace {namespace} {INJECTION}=enabled"
    eventually(label, [(Status.INFO, fix)])
    kubectl(*fix.split()[1:])
    eventually(label, [(Status.OK, "")])


def test_a_namespace_that_does_not_exist_is_missing(api: ApiClient) -> None:
    assert "namespace/no-such-namespace" in missing(api, "no-such-namespace")


def test_faults_of_the_way_to_the_cluster_are_one_line(kubeconfig: Path, doctor: Doctor, tmp_path: Path) -> None:
    content = kubeconfig.read_text().replace(":6443", ":1")
    (tmp_path / "closed.yaml").write_text(content)
    refused = with_token(kubeconfig, "expired", tmp_path / "expired.yaml")
    for file, words in (
        (tmp_path / "none.yaml", "expected a pod with a service account's token, or a kubeconfig"),
        (tmp_path / "closed.yaml", "Connection refused"),
        (refused, "expected credentials that the API server accepts, got Unauthorized."),
    ):
        ended = doctor(config=file)
        assert ended.returncode == 1
        assert len(ended.stderr.splitlines()) == 1, ended.stderr
        assert words in ended.stderr
        assert ended.stdout == ""
