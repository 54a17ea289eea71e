"""A cluster as a place for rollouts: what serves both arms, a ConfigMap that remembers, and a Lease."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from foldline import document
from foldline.cluster import Cluster, connect
from foldline.errors import ArgumentError
from foldline.serving.deploy_canary.backends.backend import Split
from foldline.serving.deploy_canary.backends.knative import form
from foldline.serving.deploy_canary.backends.knative.assembly import knative_split
from foldline.serving.deploy_canary.backends.route.assembly import route_split
from foldline.serving.deploy_canary.backends.route.probe import need_knative
from foldline.serving.deploy_canary.backends.route.split import Revision
from foldline.serving.deploy_canary.keeping.cluster import ClusterKeeper
from foldline.serving.deploy_canary.policy import Policy
from foldline.serving.deploy_canary.rolling_out import Place
from foldline.store import Store

_Guard = Callable[[], None]
_MakeSplit = Callable[[Cluster, str, Revision | None, Revision, _Guard], Split]
_TEXTS, _SETTINGS = ("gateway", "hostname", "prometheus"), "inference_service"


def check_route(route: dict[str, Any]) -> None:
    """Refuse settings that no cluster can have.

    Raises:
        ArgumentError: an unknown key, or a value of another type.
    """
    document.known("route", route, (*_TEXTS, _SETTINGS))
    for key in _TEXTS:
        if not isinstance(route.get(key, ""), str):
            raise ArgumentError(f"route.{key}", expected="text", got=repr(route[key]))
    if not isinstance(route.get(_SETTINGS, {}), dict):
        raise ArgumentError(
            f"route.{_SETTINGS}", expected="settings of spec.predictor", got=repr(route[_SETTINGS])[:80]
        )


def check_knative(route: dict[str, Any], policy: Policy) -> None:
    """Refuse what Knative cannot do.

    Raises:
        ArgumentError: a gateway or host, which are Knative's own; a share that is not whole; copies of requests.
    """
    for key in ("gateway", "hostname"):
        if route.get(key):
            raise ArgumentError(f"route.{key}", expected="nothing with backend knative", got=repr(route[key])[:80])
    form.check(route.get(_SETTINGS, {}))
    for step in policy.steps:
        if step.percent != int(step.percent):
            raise ArgumentError(
                "policy.steps.percent", expected="whole numbers with backend knative", got=f"{step.percent:g}"
            )
    if policy.mirror_percent:
        raise ArgumentError(
            "policy.mirror_percent",
            expected="0 with backend knative, which copies no requests",
            got=f"{policy.mirror_percent:g}",
            fix="Leave it out, and take another mode than shadow; or take backend route.",
        )


def route_place(store: Store, model_name: str, namespace: str, route: dict[str, Any], timeout_s: float) -> Place:
    """The HTTPRoute of the model in a namespace; empty takes the task's own.

    Args:
        route: `gateway`, `hostname`, `prometheus` and `inference_service`, as `route_split` takes them.
        timeout_s: seconds for each wait.

    Raises:
        ClusterError: there is no cluster.
    """

    def split(cluster: Cluster, space: str, champion: Revision | None, challenger: Revision, guard: _Guard) -> Split:
        return route_split(
            cluster,
            space,
            model_name,
            champion=champion,
            challenger=challenger,
            gateway=route.get("gateway", ""),
            hostname=route.get("hostname", ""),
            prometheus=route.get("prometheus", ""),
            inference_service=route.get(_SETTINGS, {}),
            timeout_s=timeout_s,
            guard=guard,
        )

    return _place(store, model_name, namespace, split)


def knative_place(store: Store, model_name: str, namespace: str, route: dict[str, Any], timeout_s: float) -> Place:
    """The InferenceService of the model in mode Knative; the arguments are those of `route_place`.

    Raises:
        ServingError: the cluster has no Knative.
        ClusterError: there is no cluster.
    """
    need_knative(connect(capability="rollouts"))

    def split(cluster: Cluster, space: str, champion: Revision | None, challenger: Revision, guard: _Guard) -> Split:
        return knative_split(
            cluster,
            space,
            model_name,
            champion=champion,
            challenger=challenger,
            prometheus=route.get("prometheus", ""),
            inference_service=route.get(_SETTINGS, {}),
            timeout_s=timeout_s,
            guard=guard,
        )

    return _place(store, model_name, namespace, split)


def _place(store: Store, model_name: str, namespace: str, split: _MakeSplit) -> Place:
    cluster = connect(capability="rollouts")
    namespace = namespace or cluster.namespace
    keeper = ClusterKeeper(cluster, namespace, model_name)

    def revision(version: str) -> Revision:
        return Revision(version, store.location(model_name, version))

    @contextmanager
    def serving(challenger: str, champion: str) -> Iterator[Split]:
        served = revision(champion) if champion else None
        yield split(cluster, namespace, served, revision(challenger), keeper.check)

    return Place(keeper, serving)
