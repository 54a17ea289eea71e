"""Permissions that the manifests grant, taken away one at a time."""

import json
import time

from builders.roles import Rule, granted
from builders.serving_site import Site

KNOWN_S = 30.0


def grant(site: Site, name: str, rules: list[Rule]) -> None:
    """Let the Role grant these."""
    role = json.loads(site.kubectl("get", "role", name, "--output=json"))
    role["rules"] = [{"apiGroups": [one.group], "resources": [one.path], "verbs": [one.verb]} for one in rules]
    site.kubectl("replace", "--filename=-", given=role)


def without(site: Site, name: str, rule: Rule) -> None:
    """Take the rule from the Role, and wait until the API server knows it."""
    grant(site, name, [one for one in granted(name) if one != rule])
    resource, _, subresource = rule.path.partition("/")
    asked = {"namespace": site.namespace, "verb": rule.verb, "group": rule.group, "resource": resource}
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {
            "user": f"system:serviceaccount:{site.namespace}:pipeline-runner",
            "resourceAttributes": {**asked, "subresource": subresource},
        },
    }
    deadline = time.monotonic() + KNOWN_S
    while json.loads(site.kubectl("create", "--filename=-", "--output=json", given=review))["status"]["allowed"]:
        assert time.monotonic() < deadline, f"{rule} is still granted after {KNOWN_S:.0f} s"
        time.sleep(0.1)


def denial(site: Site, name: str, rule: Rule) -> str:
    """Pattern of the message of a task that lacks the rule of the Role."""
    account = rf"service account {site.namespace}/pipeline-runner"
    return (
        rf"permission to {rule.verb} {rule.what} in namespace {site.namespace}: expected granted to {account}, "
        rf"got denied: .*Apply the Role {name} in namespace {site.namespace} and bind it to {account} "
        r"\(manifests/base\)\."
    )
