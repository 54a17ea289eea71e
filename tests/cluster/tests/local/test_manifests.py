"""The manifests on a real API server: accepted, and granting what they say and nothing else."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from kubernetes.client import ApiClient
from kubernetes.client.exceptions import ApiException

from builders.custom_resources import ROOT, eventually
from foldline_pipelines.doctor.permissions import PERMISSIONS, Permission, of

pytestmark = pytest.mark.level("api")

Kubectl = Callable[..., str]
MANIFESTS = ROOT / "manifests"
OVERLAYS = ("standalone", "multi-user", "minikf")
CAPABILITIES = sorted({permission.capability for permission in PERMISSIONS})
VERBS = (
    *("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"),
    *("bind", "escalate", "impersonate", "use", "enable", "disable", "terminate", "archive"),
)
OTHERS = (
    *(("", name) for name in ("secrets", "configmaps", "pods", "events", "services", "endpoints", "serviceaccounts")),
    *(("", f"pods/{name}") for name in ("exec", "attach", "portforward", "log", "eviction", "ephemeralcontainers")),
    *(("", name) for name in ("serviceaccounts/token", "nodes", "nodes/proxy", "namespaces", "persistentvolumes")),
    *(("", name) for name in ("persistentvolumeclaims", "resourcequotas", "limitranges", "replicationcontrollers")),
    *(("apps", name) for name in ("deployments", "deployments/scale", "statefulsets", "daemonsets", "replicasets")),
    *(("batch", name) for name in ("jobs", "cronjobs")),
    *(("rbac.authorization.k8s.io", f"{name}s") for name in ("role", "rolebinding", "clusterrole")),
    ("rbac.authorization.k8s.io", "clusterrolebindings"),
    ("coordination.k8s.io", "leases"),
    ("networking.k8s.io", "networkpolicies"),
    ("networking.k8s.io", "ingresses"),
    ("gateway.networking.k8s.io", "httproutes"),
    ("serving.kserve.io", "inferenceservices"),
    ("serving.kserve.io", "inferenceservices/status"),
    ("serving.kserve.io", "servingruntimes"),
    ("kubeflow.org", "experiments"),
    ("kubeflow.org", "trials"),
    ("kubeflow.org", "suggestions"),
    ("kubeflow.org", "profiles"),
    *(("pipelines.kubeflow.org", name) for name in ("pipelines", "pipelineversions", "experiments", "runs", "jobs")),
    ("argoproj.io", "workflows"),
    ("apiextensions.k8s.io", "customresourcedefinitions"),
    ("admissionregistration.k8s.io", "mutatingwebhookconfigurations"),
    ("certificates.k8s.io", "certificatesigningrequests"),
    ("storage.k8s.io", "storageclasses"),
    ("*", "*"),
)
# How a verb is sent; those of Kubeflow's own (enable, disable) are only asked about.
METHODS = {"get": "GET", "list": "GET", "create": "POST", "patch": "PATCH", "delete": "DELETE"}


class Account(NamedTuple):
    """A service account that has one Role and nothing else."""

    namespace: str
    name: str

    @property
    def user(self) -> str:
        return f"system:serviceaccount:{self.namespace}:{self.name}"

    @property
    def groups(self) -> list[str]:
        return ["system:serviceaccounts", f"system:serviceaccounts:{self.namespace}", "system:authenticated"]


@pytest.fixture
def applied(apply: Callable[[Path], str], custom_resources: None) -> str:
    return apply(MANIFESTS / "overlays" / "standalone")


@pytest.fixture
def with_role(kubectl: Kubectl, namespace: str, applied: str) -> Callable[[str], Account]:
    def call(capability: str) -> Account:
        there = f"--namespace={namespace}"
        account = f"only-{capability}"
        kubectl("create", "serviceaccount", account, there)
        subject = f"--serviceaccount={namespace}:{account}"
        kubectl("create", "rolebinding", account, f"--role=foldline-{capability}", subject, there)
        return Account(namespace, account)

    return call


def may(api: ApiClient, account: Account, namespace: str, verb: str, group: str, path: str) -> bool:
    resource, _, subresource = path.partition("/")
    asked = {"namespace": namespace, "verb": verb, "group": group, "resource": resource, "subresource": subresource}
    answer = post(
        api,
        "/apis/authorization.k8s.io/v1/subjectaccessreviews",
        {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": {"user": account.user, "groups": account.groups, "resourceAttributes": asked},
        },
    )
    return bool(answer["status"]["allowed"])


def post(api: ApiClient, path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = api.call_api(
        path, "POST", body=body, response_type="object", auth_settings=["BearerToken"], _return_http_data_only=True
    )
    return dict(answer)


def status_of(api: ApiClient, account: Account, permission: Permission, verb: str) -> int:
    """HTTP status of one real request that the account makes; it changes nothing."""
    root = f"/apis/{permission.group}/{version_of(permission.group)}" if permission.group else "/api/v1"
    parts = [root, "namespaces", account.namespace, permission.resource]
    if verb not in ("list", "create"):
        parts += ["nothing", permission.subresource]
    try:
        api.call_api(
            "/".join(part for part in parts if part),
            METHODS[verb],
            query_params=[("dryRun", "All")] if verb not in ("get", "list") else [],
            header_params={
                "Impersonate-User": account.user,
                "Content-Type": "application/merge-patch+json" if verb == "patch" else "application/json",
            },
            body={} if verb in ("create", "patch") else None,
            response_type="object",
            auth_settings=["BearerToken"],
        )
    except ApiException as fault:
        return int(fault.status)
    return 200


def version_of(group: str) -> str:
    return {"coordination.k8s.io": "v1"}.get(group, "v1beta1")


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_an_overlay_is_accepted_and_applying_it_again_changes_nothing(
    overlay: str, apply: Callable[[Path], str], custom_resources: None, kubectl: Kubectl, namespace: str
) -> None:
    folder = MANIFESTS / "overlays" / overlay
    objects = list(yaml.safe_load_all(kubectl("kustomize", str(folder))))
    said = apply(folder)
    assert len(said.splitlines()) == len(objects)
    versions = versions_of(kubectl, namespace)
    assert len(versions) >= len(objects)
    assert apply(folder) == said
    assert versions_of(kubectl, namespace) == versions


def versions_of(kubectl: Kubectl, namespace: str) -> dict[str, str]:
    kinds = "serviceaccounts,roles,rolebindings,configmaps,networkpolicies,servingruntimes,authorizationpolicies"
    columns = "--output=custom-columns=KIND:.kind,NAME:.metadata.name,VERSION:.metadata.generation,SPEC:.rules"
    text = kubectl("get", f"{kinds},persistentvolumeclaims", f"--namespace={namespace}", columns, "--no-headers")
    lines = [line.split(maxsplit=2) for line in text.splitlines()]
    return {f"{kind}/{name}": rest for kind, name, rest in lines}


def test_metrics_are_a_component_of_their_own(
    apply: Callable[[Path], str], custom_resources: None, tmp_path: Path
) -> None:
    folder = tmp_path / "overlay"
    folder.mkdir()
    # As a person writes it; kustomize reads nothing through an absolute path.
    content = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [relative(folder, MANIFESTS / "overlays" / "standalone")],
        "components": [relative(folder, MANIFESTS / "components" / "monitoring")],
    }
    (folder / "kustomization.yaml").write_text(yaml.safe_dump({**content, "namespace": "kubeflow"}))
    said = apply(folder)
    assert "servicemonitor.monitoring.coreos.com/foldline-server serverside-applied" in said
    assert "service/foldline-metrics serverside-applied" in said


def relative(folder: Path, target: Path) -> str:
    up = "/".join([".."] * (len(folder.resolve().parts) - 1))
    return f"{up}{target.resolve()}"


@pytest.mark.parametrize("capability", CAPABILITIES)
def test_what_a_role_grants_works_and_every_other_verb_is_denied(
    capability: str, api: ApiClient, with_role: Callable[[str], Account]
) -> None:
    account = with_role(capability)
    granted = {(one.group, one.path, verb) for one in of(capability) for verb in one.verbs}
    asked = {(group, path, verb) for group, path in OTHERS for verb in VERBS} | granted
    first = sorted(granted)[0]
    eventually(lambda: may(api, account, account.namespace, first[2], first[0], first[1]), True)

    def allowed(namespace: str) -> set[tuple[str, str, str]]:
        return {one for one in asked if may(api, account, namespace, one[2], one[0], one[1])}

    assert allowed(account.namespace) == granted
    assert {one for one in granted if may(api, account, "default", one[2], one[0], one[1])} == set()


@pytest.mark.parametrize("capability", CAPABILITIES)
def test_requests_that_a_role_grants_pass_and_those_of_the_others_do_not(
    capability: str, api: ApiClient, with_role: Callable[[str], Account]
) -> None:
    account = with_role(capability)
    own = of(capability)
    eventually(lambda: status_of(api, account, own[0], own[0].verbs[0]) == 403, False)
    granted = {(one.qualified, verb) for one in own for verb in one.verbs}
    for permission in PERMISSIONS:
        for verb in permission.verbs:
            if verb in METHODS:
                refused = status_of(api, account, permission, verb) == 403
                assert refused is ((permission.qualified, verb) not in granted), f"{verb} {permission.qualified}"


def test_the_account_of_the_servers_may_do_nothing(api: ApiClient, applied: str, namespace: str) -> None:
    account = Account(namespace, "foldline-server")
    assert not any(may(api, account, namespace, verb, group, path) for group, path in OTHERS for verb in VERBS)


def test_the_servers_are_kept_from_becoming_root_by_the_strictest_policy(
    kubectl: Kubectl, namespace: str, applied: str
) -> None:
    enforce = "pod-security.kubernetes.io/enforce=restricted"
    kubectl("label", "namespace", namespace, enforce, "pod-security.kubernetes.io/enforce-version=latest")
    for name in ("foldline-server", "foldline-tensorflow-serving"):
        text = kubectl("get", "servingruntime", name, f"--namespace={namespace}", "--output=yaml")
        spec = yaml.safe_load(re.sub(r"{{\.Name}}", "model", text))["spec"]
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "namespace": namespace, "labels": spec["labels"]},
            "spec": {
                "serviceAccountName": "foldline-server",
                "containers": spec["containers"],
                "volumes": spec["volumes"],
            },
        }
        said = kubectl("create", "--dry-run=server", "--filename=-", given=yaml.safe_dump(pod))
        assert said.strip() == f"pod/{name} created (server dry run)"
