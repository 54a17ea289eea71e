"""KServe's own canaries, `spec.canary[]`, tried on the model's InferenceService: whether its routes do what it says.

KServe 0.20 shows the share in its status and gives the canary no request. The trial has the champion's own model as its
canary, so that users are answered alike whatever the routes do, and is undone in any case.
"""

from contextlib import suppress
from typing import NoReturn

from foldline.cluster import HTTP_ROUTES, INFERENCE_SERVICES, Cluster, Object
from foldline.errors import ServingError
from foldline.serving.deploy_canary.backends import inference_service as form
from foldline.waiting import Done, Outcome, Pending, wait_until

TRIAL, PERCENT = "foldline-trial", 10
WEIGHTS_S, POLL_S = 10.0, 1.0
_BACKEND = "backend standard"
_CURE = "Take backend route, which reads the weights back from its own HTTPRoute."


def refuse(cluster: Cluster, namespace: str, model_name: str, timeout_s: float) -> NoReturn:
    """Ask the model's InferenceService for a canary, see which weights its routes get, and take the canary out again.

    Args:
        cluster: the Roles `foldline-kserve` and `foldline-rollouts` are needed.
        timeout_s: seconds until the canary's pod must be ready.

    Raises:
        ServingError: in any case; it says what the routes did. Where they did as asked, what is still missing.
        ClusterError: the API server refuses something or does not answer.
    """
    kserve, rollouts = cluster.granted_by("kserve"), cluster.granted_by("rollouts")
    what = f"inferenceservice/{model_name} in namespace {namespace}"
    found = kserve.find(INFERENCE_SERVICES, namespace, model_name)
    if found is None or not form.is_ours(found) or found["spec"].get("canary"):
        raise ServingError(
            _BACKEND,
            expected=f"{what}, made by Foldline, that serves the champion and has no canary",
            got="none" if found is None else "one with a canary" if found["spec"].get("canary") else "somebody else's",
            fix="Make one with backend kserve, or take backend route.",
        )
    kserve.edit(INFERENCE_SERVICES, namespace, model_name, lambda now: {"spec": {"canary": [_canary(now)]}})
    try:
        _wait_ready(kserve, namespace, model_name, what, timeout_s)
        weights = _weights(rollouts, namespace, model_name)
    finally:
        kserve.edit(INFERENCE_SERVICES, namespace, model_name, lambda _: {"spec": {"canary": None}})
    if not _as_asked(weights):
        raise ServingError(
            _BACKEND,
            expected=f"a KServe whose routes give {PERCENT} % to the canary that spec.canary[] asks for",
            got="; ".join(f"httproute/{route} gives {_words(given)}" for route, given in sorted(weights.items()))
            or "no HTTPRoute of the InferenceService",
            fix=_CURE,
        )
    raise ServingError(
        _BACKEND,
        expected="counters for each arm",
        got="weights as asked, on backendRefs without filters, which a gateway counts as one",
        fix=_CURE,
    )


def _canary(service: Object) -> Object:
    predictor = service["spec"]["predictor"]
    kept = {key: predictor[key] for key in ("model", "serviceAccountName") if key in predictor}
    return {"predictor": {"name": TRIAL, "minReplicas": 1, **kept}, "trafficPercent": PERCENT}


def _wait_ready(cluster: Cluster, namespace: str, name: str, what: str, timeout_s: float) -> None:
    once = cluster.without_retries()

    def judge(found: Object | None) -> Outcome:
        told = ((found or {}).get("status") or {}).get("canaryStatuses") or []
        return Done() if any(one.get("ready") for one in told) else Pending(f"canaryStatuses {told or 'none'}")

    wait_until(
        lambda: once.find(INFERENCE_SERVICES, namespace, name),
        judge,
        what=what,
        expected=f"a ready canary {TRIAL}",
        timeout_s=timeout_s,
        poll_s=POLL_S,
        error=ServingError,
    )


def _weights(cluster: Cluster, namespace: str, name: str) -> dict[str, dict[str, int]]:
    """Weight by Service in each route of the InferenceService, as asked, or as they are after a while."""
    last: dict[str, dict[str, int]] = {}

    def look() -> dict[str, dict[str, int]]:
        last.clear()
        for route in (name, f"{name}-predictor"):
            found = cluster.without_retries().find(HTTP_ROUTES, namespace, route)
            if found is not None:
                refs = [ref for rule in found["spec"].get("rules") or [] for ref in rule.get("backendRefs") or []]
                last[route] = {str(ref["name"]): int(ref.get("weight", 1)) for ref in refs}
        return last

    # What they are by then is told by the caller.
    with suppress(ServingError):
        wait_until(
            look,
            lambda seen: Done() if _as_asked(seen) else Pending(str(seen)),
            what=_BACKEND,
            expected="the weights",
            timeout_s=WEIGHTS_S,
            poll_s=POLL_S,
            error=ServingError,
        )
    return last


def _as_asked(weights: dict[str, dict[str, int]]) -> bool:
    """Whether every route gives the canary its share."""
    shares = []
    for given in weights.values():
        canary = sum(weight for service, weight in given.items() if TRIAL in service)
        shares.append(round(100 * canary / max(sum(given.values()), 1)))
    return bool(shares) and all(share == PERCENT for share in shares)


def _words(given: dict[str, int]) -> str:
    return " and ".join(f"{service} weight {weight}" for service, weight in given.items()) or "nobody anything"
