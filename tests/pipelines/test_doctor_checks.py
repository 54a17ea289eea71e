"""Findings from facts: one thing wrong at a time."""

import shlex
from dataclasses import replace
from typing import Any

import pytest

from foldline_pipelines import arguments, registry
from foldline_pipelines.compile import representation
from foldline_pipelines.doctor.accelerators import arguments as placement
from foldline_pipelines.doctor.checks import INJECTION, check
from foldline_pipelines.doctor.facts import Facts, KServe, Node, Secret, Unknown
from foldline_pipelines.doctor.findings import NEEDS, Status
from foldline_pipelines.doctor.permissions import PERMISSIONS, Permission

GPU = "nvidia.com/gpu"
TAINT = {"key": GPU, "value": "present", "effect": "NoSchedule"}
ENDPOINT = "serving.kserve.io/s3-endpoint"
KEYS = frozenset({"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "FOLDLINE_S3_ENDPOINT"})
KSERVE = ("inferenceservices.serving.kserve.io", "httproutes.gateway.networking.k8s.io")
EVERYTHING = Facts(
    namespace="kubeflow",
    user="ann@example.com",
    account="pipeline-runner",
    kubernetes="v1.34.4",
    resources=frozenset({*KSERVE, "profiles.kubeflow.org", "experiments.kubeflow.org"}),
    allowed={(permission, verb): True for permission in PERMISSIONS for verb in permission.verbs},
    labels={INJECTION: "enabled"},
    pull_secrets=("registry",),
    secret=Secret(KEYS, {ENDPOINT: "minio:9000"}),
    runtime=True,
    server_account=True,
    kserve=KServe("v0.20.0", "Standard", gateway_api=True),
    nodes=(Node("one", {GPU: 2}),),
    storage_classes={"standard": True},
    cache="Bound",
    health={"tag_name": "2.17.0", "multi_user": True},
)
BOTH = ("train_and_serve", "cross_validate")
DENIED = Unknown("no permission to list nodes")


def without(*resources: str) -> dict[str, Any]:
    return {"resources": EVERYTHING.resources - {*resources}}


def test_nothing_is_missing_where_everything_is_there() -> None:
    assert {finding.status for finding in check(EVERYTHING, BOTH)} == {Status.OK}


@pytest.mark.parametrize(
    ("change", "what", "found", "cure"),
    [
        ({"labels": None}, "namespace/kubeflow", "no such namespace", "kubectl create namespace kubeflow"),
        ({"health": Unknown("it answers 401")}, "Kubeflow Pipelines", "it answers 401", ""),
        (
            {"pull_secrets": None},
            "service account pipeline-runner",
            "none in kubeflow",
            "kubectl create serviceaccount pipeline-runner -n kubeflow",
        ),
        (
            {"secret": None},
            "secret/foldline-s3",
            "none in namespace kubeflow",
            "kubectl create secret generic foldline-s3 -n kubeflow --from-env-file=s3.env",
        ),
        (
            {"secret": Secret(KEYS - {"AWS_SECRET_ACCESS_KEY"}, {ENDPOINT: "minio:9000"})},
            "secret/foldline-s3",
            "has no key AWS_SECRET_ACCESS_KEY",
            "kubectl create secret generic foldline-s3",
        ),
        (
            {"secret": Secret(KEYS, {})},
            f"annotation {ENDPOINT}",
            "none on secret/foldline-s3",
            "kubectl annotate secret foldline-s3 -n kubeflow",
        ),
        ({"storage_classes": {}}, "storage class", "none", "Install a provisioner of volumes"),
        (
            {"storage_classes": {"slow": False, "fast": False}},
            "storage class",
            "none of fast, slow is the default",
            "kubectl patch storageclass fast -p",
        ),
        ({"cache": None}, "persistentvolumeclaim/foldline-cache", "none in namespace kubeflow", "manifests/overlays/"),
        (
            {"cache": "Lost"},
            "persistentvolumeclaim/foldline-cache",
            "its volume is lost",
            "kubectl delete persistentvolumeclaim foldline-cache -n kubeflow",
        ),
        ({"runtime": False}, "servingruntime/foldline-server", "none in namespace kubeflow", "manifests/overlays/"),
        ({"server_account": False}, "serviceaccount/foldline-server", "none in namespace kubeflow", "--server-side"),
        (without(KSERVE[1]), "Gateway API", "not installed, but KServe makes its routes", "enableGatewayApi"),
    ],
)
def test_what_is_missing_is_named_with_its_cure_and_nothing_else_is(
    change: dict[str, Any], what: str, found: str, cure: str
) -> None:
    told = [one for one in check(replace(EVERYTHING, **change), BOTH) if one.status not in (Status.OK, Status.INFO)]
    (finding,) = told
    assert (finding.what, finding.status, finding.found) == (what, Status.MISSING, found)
    assert cure in finding.fix


@pytest.mark.parametrize(
    ("change", "what", "found"),
    [
        ({"kubernetes": "v1.27.3"}, "Kubernetes", "v1.27.3; Foldline is tried with 1.34"),
        ({"kubernetes": "v1.34"}, "", ""),
        ({"kubernetes": "v1.34.4-gke.100"}, "", ""),
        ({"health": {"tag_name": "2.5.0"}}, "Kubeflow Pipelines", "2.5.0; Foldline is tried with 2.17"),
        ({"health": {"tag_name": "2.18.1"}}, "", ""),
        ({"health": {"tag_name": "master"}}, "Kubeflow Pipelines", "its version cannot be read: it says 'master'"),
        ({"health": {}}, "Kubeflow Pipelines", "its version cannot be read"),
        ({"kserve": KServe("", "Standard", gateway_api=True)}, "KServe", "its version cannot be read"),
        (
            {"kserve": KServe("v0.15.2", "Standard", gateway_api=True)},
            "KServe",
            "v0.15.2; Foldline is tried with 0.20",
        ),
        (
            {"kserve": KServe("v0.20.0", "", gateway_api=True)},
            "deployment mode of KServe",
            "not set; Foldline asks for the mode that it needs on each InferenceService",
        ),
        ({"kserve": KServe("v0.20.0", "Knative", gateway_api=True)}, "", ""),
        ({"kserve": DENIED}, "KServe", "installed; no permission to list nodes"),
        ({"nodes": DENIED}, "accelerators", DENIED.reason),
        ({"storage_classes": DENIED}, "storage class", DENIED.reason),
        ({"cache": DENIED}, "persistentvolumeclaim/foldline-cache", DENIED.reason),
        ({"secret": DENIED}, "secret/foldline-s3", DENIED.reason),
        ({"pull_secrets": DENIED}, "keys of an image registry", DENIED.reason),
        ({"labels": DENIED}, "label for Katib's metrics collector", DENIED.reason),
        ({"runtime": DENIED}, "servingruntime/foldline-server", DENIED.reason),
        ({"server_account": DENIED}, "serviceaccount/foldline-server", DENIED.reason),
        ({"allowed": dict.fromkeys(EVERYTHING.allowed, DENIED)}, "permissions runs", DENIED.reason),
    ],
)
def test_what_cannot_be_told_is_unknown_and_not_missing(change: dict[str, Any], what: str, found: str) -> None:
    others = [one for one in check(replace(EVERYTHING, **change), BOTH) if one.status is not Status.OK]
    assert {one.status for one in others} <= {Status.UNKNOWN}
    assert [(one.what, one.found) for one in others][:1] == ([(what, found)] if what else [])


@pytest.mark.parametrize(
    ("change", "what", "found"),
    [
        ({"health": None}, "Kubeflow Pipelines", "not asked, since no --endpoint was given"),
        ({"account": ""}, "service account", "none given: the permissions of pods that are shown are your own"),
        (
            {"pull_secrets": ()},
            "keys of an image registry",
            "service account pipeline-runner has none: images must be free to pull",
        ),
        ({"nodes": (Node("one", {}),)}, "accelerators", 'no node has any: accelerator_count stays "0"'),
        ({"nodes": (Node("one", {GPU: 0}),)}, "accelerators", 'no node has any: accelerator_count stays "0"'),
        (without(*KSERVE), "KServe", "not installed: serving_backend stays local"),
        ({"labels": {}}, "label for Katib's metrics collector", "namespace kubeflow has none: trials would never end"),
        (
            {"kserve": KServe("v0.20.0", "Standard", gateway_api=False), **without(KSERVE[1])},
            "Gateway API",
            "not installed: KServe makes an Ingress, and serving_backend=route is not to be had",
        ),
    ],
)
def test_what_no_pipeline_needs_is_told_and_not_missing(change: dict[str, Any], what: str, found: str) -> None:
    (finding,) = [one for one in check(replace(EVERYTHING, **change), BOTH) if one.status is not Status.OK]
    assert (finding.what, finding.status, finding.found) == (what, Status.INFO, found)


NEEDED = [
    (permission, verb)
    for permission in PERMISSIONS
    if permission.capability in ("kserve", "rollouts", "runs")
    for verb in permission.verbs
]


@pytest.mark.parametrize(("permission", "verb"), NEEDED, ids=lambda one: getattr(one, "qualified", one))
def test_a_single_verb_that_is_denied_is_named_with_who_lacks_it(permission: Permission, verb: str) -> None:
    facts = replace(EVERYTHING, allowed={**EVERYTHING.allowed, (permission, verb): False})
    (finding,) = [one for one in check(facts, BOTH) if one.status is not Status.OK]
    assert finding.what == f"permission to {verb} {permission.qualified}"
    who = "ann@example.com" if permission.capability == "runs" else "service account pipeline-runner"
    assert finding.found == f"denied to {who}, who needs it to {permission.why}"
    assert f"--role=foldline-{permission.capability}" in finding.fix


@pytest.mark.parametrize(
    ("resources", "told", "needed"),
    [
        ({"revisions.serving.knative.dev"}, True, True),
        ({KSERVE[1]}, False, True),
        ({KSERVE[1], "revisions.serving.knative.dev"}, True, True),
        (set(), False, False),
    ],
)
def test_what_splits_traffic_is_told_with_the_permissions_that_it_needs(
    resources: set[str], told: bool, needed: bool
) -> None:
    findings = check(replace(EVERYTHING, resources=frozenset({KSERVE[0], *resources})), BOTH)
    whats = [one.what for one in findings if one.status is Status.OK]
    assert (("Knative Serving" in whats), ("permissions rollouts" in whats)) == (told, needed)


def test_a_kubeflow_without_users_asks_nobody_for_permissions_of_runs() -> None:
    allowed = {**EVERYTHING.allowed, NEEDED[-1]: False}
    facts = replace(EVERYTHING, allowed=allowed, health=None, **without("profiles.kubeflow.org"))
    assert [one for one in check(facts, BOTH) if one.status is Status.MISSING] == []
    facts = replace(facts, health={"tag_name": "2.17.0", "multi_user": False})
    (finding,) = [one for one in check(facts, BOTH) if one.status is not Status.OK]
    assert (finding.what, finding.status) == ("permissions runs", Status.INFO)


@pytest.mark.parametrize(
    ("change", "cure"),
    [
        (without("profiles.kubeflow.org"), "kubectl kustomize manifests/overlays/multi-user | sed"),
        ({}, "kubectl kustomize manifests/overlays/multi-user | sed 's/namespace: kubeflow-user-example-com$/"),
        ({"namespace": "kubeflow-user-example-com"}, "kubectl apply --server-side -k manifests/overlays/multi-user"),
        (
            {"health": None, **without("profiles.kubeflow.org")},
            "kubectl apply --server-side -k manifests/overlays/standalone",
        ),
        (
            {"namespace": "ml", "health": None, **without("profiles.kubeflow.org")},
            "kubectl kustomize manifests/overlays/standalone | sed 's/namespace: kubeflow$/namespace: ml/' | ",
        ),
    ],
)
def test_the_overlay_fits_the_cluster_and_the_namespace(change: dict[str, Any], cure: str) -> None:
    found = check(replace(EVERYTHING, cache=None, **change), BOTH)
    (finding,) = [one for one in found if one.status is Status.MISSING]
    assert finding.fix.startswith(cure)


@pytest.mark.parametrize(("account", "bound"), [("pipeline-runner", False), ("trainer", True)])
def test_an_account_that_the_overlay_does_not_name_is_bound_by_itself(account: str, bound: bool) -> None:
    change = {**EVERYTHING.allowed, NEEDED[0]: False}
    facts = replace(EVERYTHING, account=account, allowed=change, health=None, **without("profiles.kubeflow.org"))
    (finding,) = [one for one in check(facts, BOTH) if one.status is Status.MISSING]
    assert ("--serviceaccount=kubeflow:trainer" in finding.fix) is bound


def test_a_pipeline_is_not_told_of_what_it_does_not_use() -> None:
    facts = replace(EVERYTHING, runtime=False, secret=None)
    assert [one.status for one in check(facts, ["cross_validate"]) if one.status is not Status.OK] == [Status.INFO]
    assert {one.what for one in check(facts, ["train_and_serve"]) if one.status is Status.MISSING} == {
        "servingruntime/foldline-server",
        "secret/foldline-s3",
    }


def test_every_pipeline_has_its_needs() -> None:
    assert set(NEEDS) == set(registry.pipelines())


@pytest.mark.parametrize(
    ("nodes", "expected"),
    [
        ([Node("a", {GPU: 1})], {"accelerator_count": "1"}),
        (
            [Node("a", {GPU: 1}, {"cloud.google.com/gke-accelerator": "nvidia-tesla-t4"}, (TAINT,))],
            {
                "accelerator_count": "1",
                "tolerations": [{**TAINT, "operator": "Equal"}],
                "node_selector": {"cloud.google.com/gke-accelerator": "nvidia-tesla-t4"},
            },
        ),
        (
            [Node("a", {"amd.com/gpu": 1}, taints=({"key": "gpu", "effect": "NoExecute"},))],
            {
                "accelerator_count": "1",
                "accelerator_type": "amd.com/gpu",
                "tolerations": [{"key": "gpu", "operator": "Exists", "effect": "NoExecute"}],
            },
        ),
        (
            [Node("a", {GPU: 1}, {"nvidia.com/gpu.present": "true"}, (TAINT,)), Node("b", {GPU: 1}, taints=(TAINT,))],
            {"accelerator_count": "1", "tolerations": [{**TAINT, "operator": "Equal"}]},
        ),
        (
            [
                Node(
                    "a",
                    {GPU: 1},
                    taints=(
                        {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"},
                        {"key": "spot", "effect": "PreferNoSchedule"},
                    ),
                )
            ],
            {"accelerator_count": "1"},
        ),
    ],
)
def test_the_arguments_that_place_training_are_what_the_command_reads(
    nodes: list[Node], expected: dict[str, Any]
) -> None:
    words = shlex.split(placement(next(iter(nodes[0].accelerators)), nodes))
    assert words[::2] == ["--set"] * len(expected)
    declared = arguments.parameters(representation(registry.load(registry.pipeline("cross_validate"))))
    assert arguments.read(None, words[1::2], declared) == expected


def test_taints_of_the_gpu_node_are_told() -> None:
    facts = replace(EVERYTHING, nodes=(Node("a", {GPU: 2}, taints=(TAINT,)), Node("b", {})))
    (finding,) = [one for one in check(facts, BOTH) if one.what.startswith("accelerators")]
    assert finding.found == "node/a has 2, taints nvidia.com/gpu=present:NoSchedule"
