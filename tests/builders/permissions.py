"""Permissions that the manifests grant, taken away one at a time."""

import json
import time
from typing import NamedTuple

import yaml

from builders.serving_site import MANIFESTS, Json, Site

KNOWN_S = 30.0


class Rule(NamedTuple):
    """One verb on one kind of object; `path` is resource and subresource."""

    verb: str
    group: str
    path: str

    @property
    def what(self) -> str:
        """The kind of object as messages name it."""
        return f"{self.path}.{self.group}" if self.group else self.path


def rules_of(role: Json) -> list[Rule]:
    return [
        Rule(verb, group, path)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for path in rule["resources"]
        for verb in rule["verbs"]
    ]


def granted(name: str) -> list[Rule]:
    """What the manifests grant with the Role."""
    objects = yaml.safe_load_all((MANIFESTS / "base" / "roles.yaml").read_text())
    return rules_of(next(one for one in objects if one["metadata"]["name"] == name))


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
