"""deploy_canary with one permission taken from its Role: the message names what is missing, for whom and where."""

import re
from collections.abc import Callable

import pytest

from builders.permissions import Rule, denial, granted, without
from builders.serving_site import Json, Site
from foldline.artifacts import Model
from foldline.errors import ClusterError, ServingError
from foldline.serving.deploy_canary.backends import inference_service as form

pytestmark = [pytest.mark.level("serving"), pytest.mark.timeout(600)]

ROLE = "foldline-kserve"
ELSEWHERE = "s3://elsewhere/model"


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


@pytest.mark.parametrize("rule", granted(ROLE), ids=lambda rule: f"{rule.verb}-{rule.path.replace('/', '-')}")
def test_a_permission_that_is_missing_is_named_with_its_account_and_role(site: Site, new: Model, rule: Rule) -> None:
    SCENES.get((rule.verb, rule.path), lambda _: None)(site)
    without(site, ROLE, rule)
    with pytest.raises((ClusterError, ServingError)) as caught:
        site.deploy(new, "run")
    assert re.search(denial(site, ROLE, rule), str(caught.value)), str(caught.value)
    assert site.champion is None
