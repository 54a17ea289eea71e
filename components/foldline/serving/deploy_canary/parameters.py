"""Parameters of deploy_canary, checked together: what each backend takes and what it does not."""

from typing import Any

from foldline.errors import ArgumentError
from foldline.serving.deploy_canary.policy import Policy

AUTO, LOCAL, ROUTE, KNATIVE, KSERVE, STANDARD = "auto", "local", "route", "knative", "kserve", "standard"
BACKENDS = (LOCAL, AUTO, ROUTE, KNATIVE, KSERVE, STANDARD)
_NOT_TAKEN = {
    LOCAL: ("serving_namespace", "route"),
    ROUTE: ("traffic_uri",),
    KNATIVE: ("traffic_uri",),
    KSERVE: ("policy", "traffic_uri", "route"),
    STANDARD: ("policy", "traffic_uri", "route"),
}
_USERS = ", whose traffic is that of its users"
_WHY = {LOCAL: "", ROUTE: _USERS, KNATIVE: _USERS, KSERVE: ", which splits no traffic", STANDARD: ""}


def resolved(backend: str, namespace: str, model_name: str) -> str:
    """The backend by its name, or for `auto` the one that the cluster can do.

    Args:
        namespace: of the InferenceServices; empty takes the task's own.

    Raises:
        ServingError: the cluster has no KServe.
        ClusterError: there is no cluster, or it does not answer.
    """
    if backend != AUTO:
        return backend
    # Here and below: the Kubernetes client takes half a second to import.
    from foldline.cluster import connect
    from foldline.serving.deploy_canary.backends.route import probe

    cluster = connect(capability="rollouts")
    choice = probe.chosen(cluster, namespace or cluster.namespace, model_name)
    print(f"backend auto: {choice.backend}, since {choice.why}", flush=True)
    return choice.backend


def check(
    *,
    store_uri: str,
    model_name: str,
    smoke_rows: int,
    timeout_s: float,
    backend: str,
    traffic_per_s: float,
    policy: dict[str, Any],
    **of_backends: Any,
) -> Policy:
    """The policy of the rollout.

    Args:
        of_backends: `serving_namespace`, `traffic_uri` and `route`.

    Raises:
        ArgumentError: a parameter is out of range, or the backend does not take it.
    """
    if smoke_rows < 1:
        raise ArgumentError("smoke_rows", expected="at least 1", got=repr(smoke_rows))
    for name, value, of in (("timeout_s", timeout_s, "seconds"), ("traffic_per_s", traffic_per_s, "requests")):
        if not value > 0:
            raise ArgumentError(name, expected=f"a number of {of} above 0", got=repr(value))
    if backend not in BACKENDS:
        raise ArgumentError("backend", expected=" or ".join(BACKENDS), got=repr(backend))
    for name, value in {"policy": policy, **of_backends}.items():
        if value and name in _NOT_TAKEN[backend]:
            expected = f"nothing with backend {backend}{_WHY[backend]}"
            raise ArgumentError(name, expected=expected, got=repr(value)[:80])
    if backend != LOCAL:
        from foldline.serving.deploy_canary.backends.inference_service import check_arguments
        from foldline.serving.deploy_canary.in_cluster import check_knative, check_route

        check_arguments(store_uri, model_name)
        check_route(of_backends["route"])
    rules = Policy.parse(policy)
    if backend == KNATIVE:
        check_knative(of_backends["route"], rules)
    return rules
