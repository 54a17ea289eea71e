"""From the parameters of a rollout to the InferenceService in Knative mode that serves it."""

from collections.abc import Callable
from typing import Any

from foldline.cluster import Cluster
from foldline.serving.deploy_canary.backends.knative import form
from foldline.serving.deploy_canary.backends.knative.counting import RevisionCounters
from foldline.serving.deploy_canary.backends.knative.memory import Memory
from foldline.serving.deploy_canary.backends.knative.service import Service
from foldline.serving.deploy_canary.backends.knative.split import KnativeSplit
from foldline.serving.deploy_canary.backends.route.split import Revision as Version
from foldline.serving.deploy_canary.metrics.prometheus import Prometheus


def knative_split(
    cluster: Cluster,
    namespace: str,
    model_name: str,
    *,
    champion: Version | None,
    challenger: Version,
    prometheus: str,
    inference_service: dict[str, Any],
    timeout_s: float,
    guard: Callable[[], None] | None = None,
) -> KnativeSplit:
    """The split of one rollout.

    Args:
        cluster: where it is; the Roles `foldline-kserve` and `foldline-rollouts` are needed.
        champion: None where none serves yet.
        prometheus: its address; empty where there is none, and so no evidence.
        guard: called before each write, which it may refuse: the keeper's `check`.

    Raises:
        ArgumentError: a parameter cannot be used.
    """
    guarded = cluster if guard is None else cluster.guarded(guard)
    rollouts = guarded.granted_by("rollouts")
    return KnativeSplit(
        Service(guarded.granted_by("kserve"), rollouts, namespace, model_name),
        Memory(rollouts, namespace, model_name, champion.version if champion else ""),
        champion=champion,
        challenger=challenger,
        counters=RevisionCounters(Prometheus(prometheus)) if prometheus else None,
        settings=form.check(inference_service),
        timeout_s=timeout_s,
    )
