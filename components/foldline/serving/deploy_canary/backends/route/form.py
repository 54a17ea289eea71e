"""The HTTPRoute of a rollout as a plain object, and what its state means: no network.

Seen on Envoy Gateway: without a filter on each backendRef both arms share one set of counters; a backendRef whose
weight is 0 has no cluster in Envoy, so that the step from or to it loses requests; clusters and their counters are
named by the position of the backendRef, so that the champion is first, and the last one goes with the least weight.
"""

from dataclasses import dataclass
from typing import Any

from foldline.cluster import HTTP_ROUTES, Object
from foldline.serving.deploy_canary.backends.inference_service import MANAGED_BY
from foldline.serving.deploy_canary.backends.route.gateway import Gateway
from foldline.waiting import Done, Failed, Outcome, Pending

WHOLE = 10_000
SERVED_BY = "x-served-by"
SPLIT = "x-foldline-split"
SINCE = "foldline-arms-since"
PREDICTOR = "-predictor"
PORT = 80
_CONDITIONS = ("Accepted", "ResolvedRefs", "BackendsAvailable")


@dataclass(frozen=True)
class Shares:
    """What a route does with requests.

    Attributes:
        arms: InferenceService and weight, the champion first.
        mirror: InferenceService that gets copies; empty where none does.
        mirror_percent: of the requests that are copied.
    """

    arms: tuple[tuple[str, int], ...]
    mirror: str = ""
    mirror_percent: float = 0.0

    @property
    def names(self) -> tuple[str, ...]:
        """The InferenceServices that get requests."""
        return tuple(name for name, _ in self.arms)

    @property
    def reached(self) -> set[str]:
        """The InferenceServices that get requests or copies of them."""
        return {*self.names, *filter(None, [self.mirror])}

    def percent(self, name: str) -> float | None:
        """Share of the requests that `name` gets; 0 where it gets copies only, None where not even those."""
        whole = sum(weight for _, weight in self.arms)
        for arm, weight in self.arms:
            if arm == name and whole:
                return 100.0 * weight / whole
        return 0.0 if name == self.mirror else None

    def __str__(self) -> str:
        words = [f"{name}={weight}" for name, weight in self.arms]
        return ",".join([*words, *([f"mirror:{self.mirror}={self.mirror_percent:g}"] if self.mirror else [])])


def alone(name: str) -> Shares:
    """All requests to one InferenceService."""
    return Shares(((name, WHOLE),))


def split(champion: str, challenger: str, percent: float, *, mirror_percent: float = 0.0) -> Shares:
    """`percent` of the requests to the challenger; each arm keeps at least one of ten thousand."""
    weight = min(max(round(percent * WHOLE / 100), 1), WHOLE - 1)
    mirror = challenger if mirror_percent else ""
    return Shares(((champion, WHOLE - weight), (challenger, weight)), mirror, mirror_percent)


def route_name(model_name: str) -> str:
    """Name of the HTTPRoute; KServe names its own like the InferenceServices."""
    return f"foldline-{model_name}"


def build(name: str, namespace: str, gateway: Gateway, hostname: str, shares: Shares, since: float) -> Object:
    """The route of `hostname` on the gateway; `since` (seconds since 1970) is when its arms became what they are."""
    return {
        "apiVersion": HTTP_ROUTES.api_version,
        "kind": HTTP_ROUTES.kind,
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": dict(MANAGED_BY),
            "annotations": {SINCE: f"{since:.3f}"},
        },
        "spec": {
            "parentRefs": [{"namespace": gateway.namespace, "name": gateway.name, "sectionName": gateway.listener}],
            "hostnames": [hostname],
            "rules": [_rule(shares)],
        },
    }


def shares_of(route: Object) -> Shares:
    """What the route does, as it is stored; somebody else may have written it."""
    rule = (route["spec"].get("rules") or [{}])[0]
    arms = tuple(
        (str(ref["name"]).removesuffix(PREDICTOR), int(ref.get("weight", 1))) for ref in rule.get("backendRefs") or []
    )
    for entry in rule.get("filters") or []:
        copied = entry.get("requestMirror")
        if copied:
            part = copied.get("fraction") or {}
            percent = 100.0 * part["numerator"] / part.get("denominator", 100) if part else copied.get("percent", 100)
            return Shares(arms, str(copied["backendRef"]["name"]).removesuffix(PREDICTOR), float(percent))
    return Shares(arms)


def since_of(route: Object) -> float:
    """When its arms became what they are: seconds since 1970; 0 where nobody knows."""
    try:
        return float((route["metadata"].get("annotations") or {})[SINCE])
    except (KeyError, ValueError):
        return 0.0


def counts_apart(route: Object) -> bool:
    """Whether each arm has counters of its own."""
    refs = (route["spec"].get("rules") or [{}])[0].get("backendRefs") or []
    return bool(refs) and all(ref.get("filters") for ref in refs)


def judge(route: Object | None, gateway: Gateway) -> Outcome:
    """Whether the gateway's controller has taken the route as it is now, and can reach what it names."""
    if route is None:
        return Failed("it was deleted meanwhile")
    parents = (route.get("status") or {}).get("parents") or []
    own = [one for one in parents if _is_of(one["parentRef"], gateway, route["metadata"]["namespace"])]
    if not own:
        return Pending(f"no controller of gateway {gateway} has looked at it")
    conditions = {condition["type"]: condition for condition in own[0].get("conditions", [])}
    generation = route["metadata"].get("generation", 0)
    for name in _CONDITIONS:
        found = conditions.get(name)
        if found is None:
            if name == "BackendsAvailable":
                continue
            return Pending(f"it has no condition {name} yet")
        if found.get("observedGeneration", 0) < generation:
            return Pending(f"condition {name} is of generation {found.get('observedGeneration')}, not {generation}")
        if found["status"] != "True":
            words = f"condition {name} is {found['status']}: {found.get('reason', '')}: {found.get('message', '')}"
            return Failed(words) if name == "Accepted" else Pending(words)
    return Done()


def _rule(shares: Shares) -> dict[str, Any]:
    filters: list[dict[str, Any]] = [_header(SPLIT, str(shares))]
    if shares.mirror:
        # First: the router names its counters by this position.
        target = {"kind": "Service", "name": f"{shares.mirror}{PREDICTOR}", "port": PORT}
        part = {"numerator": round(shares.mirror_percent * WHOLE / 100), "denominator": WHOLE}
        filters.insert(0, {"type": "RequestMirror", "requestMirror": {"backendRef": target, "fraction": part}})
    return {
        "matches": [{"path": {"type": "PathPrefix", "value": "/"}}],
        "filters": filters,
        "backendRefs": [
            {
                "kind": "Service",
                "name": f"{name}{PREDICTOR}",
                "port": PORT,
                "weight": weight,
                "filters": [_header(SERVED_BY, name)],
            }
            for name, weight in shares.arms
        ],
    }


def _header(name: str, value: str) -> dict[str, Any]:
    return {"type": "ResponseHeaderModifier", "responseHeaderModifier": {"set": [{"name": name, "value": value}]}}


def _is_of(reference: Object, gateway: Gateway, namespace: str) -> bool:
    return (reference.get("namespace", namespace), reference["name"]) == (gateway.namespace, gateway.name)
