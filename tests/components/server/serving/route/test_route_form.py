"""The HTTPRoute of a rollout: what it asks for, and what its state means."""

import copy
from typing import Any

import pytest

from foldline.serving.deploy_canary.backends.route import form
from foldline.serving.deploy_canary.backends.route.endpoints import Behind
from foldline.serving.deploy_canary.backends.route.endpoints import judge as judge_endpoints
from foldline.serving.deploy_canary.backends.route.form import Shares, alone, split
from foldline.serving.deploy_canary.backends.route.gateway import Gateway
from foldline.waiting import Done, Failed, Outcome, Pending

GATEWAY = Gateway("ingress", "public", "http", "10.0.0.1", 80)
Object = dict[str, Any]


def built(shares: Shares, *conditions: Object, generation: int = 3) -> Object:
    route = form.build("foldline-late", "team", GATEWAY, "late.team.internal", shares, 1000.5)
    route["metadata"]["generation"] = generation
    if conditions:
        parent = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "namespace": "ingress", "name": "public"}
        route["status"] = {"parents": [{"parentRef": parent, "conditions": list(conditions)}]}
    return route


def condition(kind: str, status: str = "True", *, generation: int = 3, reason: str = "R", message: str = "m") -> Object:
    return {
        "type": kind,
        "status": status,
        "observedGeneration": generation,
        "reason": reason,
        "message": message,
    }


ACCEPTED, RESOLVED = condition("Accepted"), condition("ResolvedRefs")


@pytest.mark.parametrize(
    ("percent", "weights"),
    [
        (0, (9999, 1)),
        (0.001, (9999, 1)),
        (0.01, (9999, 1)),
        (10, (9000, 1000)),
        (33.333, (6667, 3333)),
        (50, (5000, 5000)),
        (99.999, (1, 9999)),
        (100, (1, 9999)),
    ],
)
def test_no_arm_has_weight_zero_while_traffic_shifts(percent: float, weights: tuple[int, int]) -> None:
    assert split("a", "b", percent).arms == (("a", weights[0]), ("b", weights[1]))


@pytest.mark.parametrize(
    "shares",
    [
        alone("late-1"),
        split("late-1", "late-2", 10),
        split("late-1", "late-2", 0, mirror_percent=12.5),
        Shares((("late-1", 10000),), "late-2", 20.0),
    ],
    ids=str,
)
def test_what_was_asked_is_read_back(shares: Shares) -> None:
    assert form.shares_of(built(shares)) == shares


def test_the_champion_is_first_and_each_backend_has_a_filter_of_its_own() -> None:
    (rule,) = built(split("late-1", "late-2", 10))["spec"]["rules"]
    refs = rule["backendRefs"]
    assert [(ref["name"], ref["port"], ref["weight"]) for ref in refs] == [
        ("late-1-predictor", 80, 9000),
        ("late-2-predictor", 80, 1000),
    ]
    told = [ref["filters"][0]["responseHeaderModifier"]["set"] for ref in refs]
    assert told == [[{"name": "x-served-by", "value": name}] for name in ("late-1", "late-2")]
    assert form.counts_apart(built(alone("late-1")))


def test_a_copy_is_asked_for_by_a_fraction_of_ten_thousand() -> None:
    (rule,) = built(Shares((("late-1", 10000),), "late-2", 12.5))["spec"]["rules"]
    assert rule["filters"][0] == {
        "type": "RequestMirror",
        "requestMirror": {
            "backendRef": {"kind": "Service", "name": "late-2-predictor", "port": 80},
            "fraction": {"numerator": 1250, "denominator": 10000},
        },
    }


def edited(change: str) -> Object:
    route = built(split("late-1", "late-2", 10))
    rule = route["spec"]["rules"][0]
    if change == "weights":
        rule["backendRefs"][0]["weight"], rule["backendRefs"][1]["weight"] = 3, 1
    elif change == "no weights":
        for ref in rule["backendRefs"]:
            del ref["weight"]
    elif change == "challenger out":
        del rule["backendRefs"][1]
    elif change == "champion out":
        del rule["backendRefs"][0]
    elif change == "a third":
        rule["backendRefs"].append({"name": "other", "port": 80, "weight": 10000})
    elif change == "all zero":
        for ref in rule["backendRefs"]:
            ref["weight"] = 0
    else:
        route["spec"]["rules"] = []
    return route


@pytest.mark.parametrize(
    ("change", "percent"),
    [
        ("weights", 25.0),
        ("no weights", 50.0),
        ("challenger out", None),
        ("champion out", 100.0),
        ("a third", 5.0),
        ("all zero", None),
        ("no rule", None),
    ],
)
def test_the_share_is_read_from_what_somebody_else_wrote(change: str, percent: float | None) -> None:
    assert form.shares_of(edited(change)).percent("late-2") == percent


def test_a_challenger_that_gets_copies_only_has_no_share() -> None:
    shares = Shares((("late-1", 10000),), "late-2", 20.0)
    assert (shares.percent("late-2"), shares.percent("late-1"), shares.percent("other")) == (0.0, 100.0, None)


def test_a_backend_without_a_filter_is_not_counted_apart() -> None:
    route = built(split("late-1", "late-2", 10))
    del route["spec"]["rules"][0]["backendRefs"][1]["filters"]
    assert not form.counts_apart(route)


@pytest.mark.parametrize(
    ("annotations", "since"), [(None, 0.0), ({form.SINCE: "soon"}, 0.0), ({form.SINCE: "5.5"}, 5.5)]
)
def test_when_the_arms_changed_is_kept_in_an_annotation(annotations: Object | None, since: float) -> None:
    route = built(alone("late-1"))
    assert form.since_of(route) == 1000.5
    route["metadata"]["annotations"] = annotations
    assert form.since_of(route) == since


NOT_ALLOWED = condition("Accepted", "False", reason="NotAllowedByListeners", message="No listeners allow it")
UNAVAILABLE = condition("BackendsAvailable", "False", reason="EndpointsNotFound", message="no ready endpoints")
NO_SERVICE = condition("ResolvedRefs", "False", reason="BackendNotFound", message="Service late-2 not found")


@pytest.mark.parametrize(
    ("conditions", "outcome"),
    [
        ((ACCEPTED, RESOLVED), Done()),
        ((ACCEPTED, RESOLVED, condition("BackendsAvailable")), Done()),
        ((), Pending("no controller of gateway ingress/public has looked at it")),
        ((ACCEPTED,), Pending("it has no condition ResolvedRefs yet")),
        ((condition("Accepted", generation=2), RESOLVED), Pending("condition Accepted is of generation 2, not 3")),
        (
            (condition("Accepted", "False", generation=2), RESOLVED),
            Pending("condition Accepted is of generation 2, not 3"),
        ),
        (
            (NOT_ALLOWED, RESOLVED),
            Failed("condition Accepted is False: NotAllowedByListeners: No listeners allow it"),
        ),
        (
            (ACCEPTED, NO_SERVICE),
            Pending("condition ResolvedRefs is False: BackendNotFound: Service late-2 not found"),
        ),
        (
            (ACCEPTED, RESOLVED, UNAVAILABLE),
            Pending("condition BackendsAvailable is False: EndpointsNotFound: no ready endpoints"),
        ),
    ],
)
def test_the_state_of_a_route_is_told_by_conditions_of_its_own_generation(
    conditions: tuple[Object, ...], outcome: Outcome
) -> None:
    assert form.judge(built(alone("late-1"), *conditions), GATEWAY) == outcome


def test_the_conditions_of_another_gateway_do_not_count() -> None:
    route = built(alone("late-1"), ACCEPTED, RESOLVED)
    other = copy.deepcopy(route["status"]["parents"][0])
    other["parentRef"]["name"], other["conditions"] = "internal", [NOT_ALLOWED]
    route["status"]["parents"].insert(0, other)
    assert form.judge(route, GATEWAY) == Done()
    del route["status"]["parents"][1]
    assert isinstance(form.judge(route, GATEWAY), Pending)
    assert form.judge(None, GATEWAY) == Failed("it was deleted meanwhile")


@pytest.mark.parametrize(
    ("service", "endpoints", "outcome"),
    [
        (None, [], Pending("no such Service")),
        ({}, [], Pending("no ready endpoint")),
        ({}, [{"addresses": ["10.1.1.1"], "conditions": {"ready": False}}], Pending("no ready endpoint")),
        ({}, [{"addresses": ["10.1.1.1"], "conditions": {"ready": True}}], Done()),
        ({}, [{"addresses": ["10.1.1.1"], "conditions": {}}], Done()),
    ],
)
def test_a_service_reaches_somebody_where_an_endpoint_is_ready(
    service: Object | None, endpoints: list[Object], outcome: Outcome
) -> None:
    slices = [{"endpoints": None, "ports": None}, {"endpoints": endpoints, "ports": [{"port": 8080}]}]
    behind = Behind(service, slices)
    assert judge_endpoints(behind) == outcome
    assert behind.addresses == ([("10.1.1.1", 8080)] if isinstance(outcome, Done) else [])
