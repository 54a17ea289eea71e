"""A rollout behind a route with one permission taken from its Role: the message names what is missing, and where."""

import re

import pytest

from builders.permissions import Rule, denial, grant, granted, without
from builders.route_lab import Lab
from builders.route_rollouts import RouteRollouts
from foldline.errors import ClusterError
from foldline.serving.deploy_canary.backends.backend import Server

pytestmark = [pytest.mark.level("serving"), pytest.mark.timeout(900)]

ROLE = "foldline-rollouts"
# Those of the Gateway are taken away in test_route_backend, those of Knative are not asked for here.
RULES = [rule for rule in granted(ROLE) if rule.path != "gateways" and "knative" not in rule.group]


def wrong_when_served(server: Server, prefix: str) -> list[str]:
    """Answers that are right before the first traffic and wrong after it."""
    server.wait_ready(120.0)
    return ["wrong"] if prefix else []


def test_a_permission_that_is_missing_is_named_and_changes_nothing_for_users(lab: Lab) -> None:
    place, site = RouteRollouts(lab), lab.site
    champion = place.version()
    assert place.roll_out(champion).phase == "promoted"
    failed: list[str] = []
    for position, rule in enumerate(RULES):
        # The first rollout of a model makes what a later one finds; only the way back from it deletes a route.
        model = "late" if rule == Rule("patch", "gateway.networking.k8s.io", "httproutes") else f"m{position}"
        version = place.version(model)
        without(site, ROLE, rule)
        with pytest.raises(ClusterError) as caught:
            place.roll_out(version, model, examine=wrong_when_served if rule.verb == "delete" else None)
        if not re.search(denial(site, ROLE, rule), str(caught.value)):
            failed.append(f"{rule}: {caught.value}")
        assert place.champion(model) == (champion if model == "late" else ""), rule
    assert failed == []
    grant(site, ROLE, granted(ROLE))
    place.serves(champion)
