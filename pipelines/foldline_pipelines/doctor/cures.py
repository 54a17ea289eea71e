"""Commands that mend what is missing."""

import shlex
from collections.abc import Mapping

from foldline_pipelines.doctor.facts import Facts
from foldline_pipelines.placement import S3_SECRET

GATEWAY_API = "Install the Gateway API's CRDs, or set enableGatewayApi to false in ConfigMap inferenceservice-config."
_ACCOUNTS = {"standalone": "pipeline-runner", "multi-user": "default-editor"}
_NAMESPACES = {"standalone": "kubeflow", "multi-user": "kubeflow-user-example-com"}


def has_users(facts: Facts) -> bool:
    """Whether this is a Kubeflow with a namespace for each user."""
    says_so = isinstance(facts.health, Mapping) and bool(facts.health.get("multi_user"))
    return says_so or "profiles.kubeflow.org" in facts.resources


def manifests(facts: Facts) -> str:
    """Apply the overlay that fits the cluster, in the namespace."""
    overlay = _overlay(facts)
    if facts.namespace == _NAMESPACES[overlay]:
        return f"kubectl apply --server-side -k manifests/overlays/{overlay}"
    named = f"sed 's/namespace: {_NAMESPACES[overlay]}$/namespace: {facts.namespace}/'"
    return f"kubectl kustomize manifests/overlays/{overlay} | {named} | kubectl apply --server-side -f -"


def permission(facts: Facts, capability: str) -> str:
    """Grant a capability: the overlay for the account that it names, a RoleBinding for any other."""
    role, space = f"foldline-{capability}", f"-n {facts.namespace}"
    if capability == "runs" or not facts.account:
        name, subject = _own(facts.user), f"--user={shlex.quote(facts.user)}"
    elif facts.account == _ACCOUNTS[_overlay(facts)]:
        return manifests(facts)
    else:
        name, subject = facts.account, f"--serviceaccount={facts.namespace}:{facts.account}"
    return f"{manifests(facts)}; kubectl create rolebinding {role}-{name} --role={role} {subject} {space}"


def ask_for_account(facts: Facts) -> str:
    """Ask about the account that pipelines run as."""
    return f"foldline doctor --namespace {facts.namespace} --service-account {_ACCOUNTS[_overlay(facts)]}"


def secret(facts: Facts) -> str:
    """Make the Secret from a file of lines NAME=value."""
    return (
        f"kubectl create secret generic {S3_SECRET} -n {facts.namespace} --from-env-file=s3.env (manifests/README.md)"
    )


def annotation(facts: Facts) -> str:
    """Tell KServe the endpoint of the object store."""
    keys = "serving.kserve.io/s3-endpoint=HOST:PORT serving.kserve.io/s3-usehttps=0"
    return f"kubectl annotate secret {S3_SECRET} -n {facts.namespace} {keys} (1 where the endpoint is https)"


def storage_class(classes: Mapping[str, bool]) -> str:
    """Make one the default."""
    if not classes:
        return "Install a provisioner of volumes; its StorageClass has to be the default one."
    default = '{"metadata":{"annotations":{"storageclass.kubernetes.io/is-default-class":"true"}}}'
    return f"kubectl patch storageclass {sorted(classes)[0]} -p '{default}'"


def lost_cache(facts: Facts) -> str:
    """Make the volume again; it holds nothing that cannot be made again."""
    return f"kubectl delete persistentvolumeclaim foldline-cache -n {facts.namespace}; {manifests(facts)}"


def _overlay(facts: Facts) -> str:
    return "multi-user" if has_users(facts) else "standalone"


def _own(user: str) -> str:
    """A part of an object's name made of a user's name."""
    return "".join(letter if letter.isalnum() else "-" for letter in user.lower()).strip("-")
