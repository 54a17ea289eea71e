"""deploy_canary with one permission taken from its Role: the message names what is missing, for whom and where."""

import json
import re
import time
from collections.abc import Callable
from typing import NamedTuple

import pytest
import yaml

from builders.serving_site import MANIFESTS, Json, Site
from foldline.artifacts import Model
from foldline.errors import ClusterError, ServingError
from foldline.serving.deploy_canary.backends import inference_service as form

pytestmark = [pytest.mark.level("serving"), pytest.mark.timeout(600)]

ROLE = "foldline-kserve"
KNOWN_S = 30.0
ELSEWHERE = "s3://elsewhere/model"


class Rule(NamedTuple):
    """One verb on one kind of object; `path` is resource and subresource."""

    verb: str
    group: str
    path: str


def rules_of(role: Json) -> list[Rule]:
    return [
        Rule(verb, group, path)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for path in rule["resources"]
        for verb in rule["verbs"]
    ]


def granted() -> list[Rule]:
    """What the manifests grant."""
    objects = yaml.safe_load_all((MANIFESTS / "base" / "roles.yaml").read_text())
    return rules_of(next(one for one in objects if one["metadata"]["name"] == ROLE))


def without(site: Site, rule: Rule) -> None:
    """Take the rule away, and wait until the API server knows it."""
    role = json.loads(site.kubectl("get", "role", ROLE, "--output=json"))
    role["rules"] = [
        {"apiGroups": [one.group], "resources": [one.path], "verbs": [one.verb]}
        for one in rules_of(role)
        if one != rule
    ]
    site.kubectl("replace", "--filename=-", given=role)
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


def an_earlier_model(site: Site) -> None:
    site.kubectl("create", "--filename=-", given=form.build("late", site.namespace, ELSEWHERE, cluster_local=False))


def a_challenger_that_was_left(site: Site) -> None:
    name = form.challenger_name("late")
    site.kubectl("create", "--filename=-", given=form.build(name, site.namespace, ELSEWHERE, cluster_local=True))


def no_room_for_pods(site: Site) -> None:
    site.kubectl("create", "quota", "none", "--hard=pods=0")


def a_server_that_ends(site: Site) -> None:
    def change(container: Json) -> None:
        container["command"] = ["false"]

    site.runtime(change)


# What else there is, where a first deployment does not need the permission.
SCENES: dict[tuple[str, str], Callable[[Site], None]] = {
    ("patch", "inferenceservices"): an_earlier_model,
    ("delete", "inferenceservices"): a_challenger_that_was_left,
    ("list", "events"): no_room_for_pods,
    ("get", "pods/log"): a_server_that_ends,
}


@pytest.mark.parametrize("rule", granted(), ids=lambda rule: f"{rule.verb}-{rule.path.replace('/', '-')}")
def test_a_permission_that_is_missing_is_named_with_its_account_and_role(site: Site, new: Model, rule: Rule) -> None:
    SCENES.get((rule.verb, rule.path), lambda _: None)(site)
    without(site, rule)
    with pytest.raises((ClusterError, ServingError)) as caught:
        site.deploy(new, "run")
    what = f"{rule.path}.{rule.group}" if rule.group else rule.path
    account = f"service account {site.namespace}/pipeline-runner"
    said = (
        f"permission to {rule.verb} {what} in namespace {site.namespace}: expected granted to {account}, got denied: "
    )
    cure = f"Apply the Role {ROLE} in namespace {site.namespace} and bind it to {account} (manifests/base)."
    assert re.search(f"{re.escape(said)}.*{re.escape(cure)}", str(caught.value)), str(caught.value)
    assert site.champion is None
