"""A cluster as a place for rollouts: two InferenceServices behind an HTTPRoute, a ConfigMap that remembers, a Lease."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from foldline.cluster import connect
from foldline.errors import ArgumentError
from foldline.serving.deploy_canary import document
from foldline.serving.deploy_canary.backends.backend import Split
from foldline.serving.deploy_canary.backends.route.assembly import route_split
from foldline.serving.deploy_canary.backends.route.split import Revision
from foldline.serving.deploy_canary.keeping.cluster import ClusterKeeper
from foldline.serving.deploy_canary.rolling_out import Place
from foldline.store import Store

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


def route_place(store: Store, model_name: str, namespace: str, route: dict[str, Any], timeout_s: float) -> Place:
    """The HTTPRoute of the model in a namespace; empty takes the task's own.

    Args:
        route: `gateway`, `hostname`, `prometheus` and `inference_service`, as `route_split` takes them.
        timeout_s: seconds for each wait.

    Raises:
        ClusterError: there is no cluster.
    """
    cluster = connect(capability="rollouts")
    namespace = namespace or cluster.namespace
    keeper = ClusterKeeper(cluster, namespace, model_name)

    @contextmanager
    def serving(challenger: str, champion: str) -> Iterator[Split]:
        def revision(version: str) -> Revision:
            return Revision(version, store.location(model_name, version))

        yield route_split(
            cluster,
            namespace,
            model_name,
            champion=revision(champion) if champion else None,
            challenger=revision(challenger),
            gateway=route.get("gateway", ""),
            hostname=route.get("hostname", ""),
            prometheus=route.get("prometheus", ""),
            inference_service=route.get(_SETTINGS, {}),
            timeout_s=timeout_s,
            guard=keeper.check,
        )

    return Place(keeper, serving)
