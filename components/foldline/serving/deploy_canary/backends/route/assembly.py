"""From the parameters of a rollout to the split that serves it."""

from collections.abc import Callable
from typing import Any

from foldline.cluster import Cluster
from foldline.serving.deploy_canary.backends.route import gateway as gateways
from foldline.serving.deploy_canary.backends.route.router import Router
from foldline.serving.deploy_canary.backends.route.split import Revision, RouteSplit
from foldline.serving.deploy_canary.metrics.counters import Counters
from foldline.serving.deploy_canary.metrics.profiles import ENVOY, Profile
from foldline.serving.deploy_canary.metrics.prometheus import Prometheus


def route_split(
    cluster: Cluster,
    namespace: str,
    model_name: str,
    *,
    champion: Revision | None,
    challenger: Revision,
    gateway: str,
    hostname: str,
    prometheus: str,
    inference_service: dict[str, Any],
    timeout_s: float,
    guard: Callable[[], None] | None = None,
    profile: Profile = ENVOY,
) -> RouteSplit:
    """The split of one rollout.

    Args:
        cluster: where it is; the Roles `foldline-kserve` and `foldline-rollouts` are needed.
        champion: None where none serves yet.
        gateway: namespace/name; empty takes the only one.
        hostname: that users ask; empty for `<model>.<namespace>.<domain of the listener>`.
        prometheus: its address; empty where there is none, and so no evidence.
        guard: called before each write, which it may refuse: the keeper's `check`.

    Raises:
        ArgumentError: a parameter cannot be used.
        ServingError, ClusterError: the Gateway cannot.
    """
    guarded = cluster if guard is None else cluster.guarded(guard)
    kserve, rollouts = guarded.granted_by("kserve"), guarded.granted_by("rollouts")
    found = gateways.find(rollouts, namespace, gateway)
    return RouteSplit(
        kserve,
        Router(rollouts, namespace, model_name, found, hostname=hostname, profile=profile),
        model_name,
        champion=champion,
        challenger=challenger,
        counters=Counters(Prometheus(prometheus), profile) if prometheus else None,
        inference_service=inference_service,
        timeout_s=timeout_s,
    )
