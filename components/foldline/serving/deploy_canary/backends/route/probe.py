"""Which way of serving a rollout a cluster has."""

from typing import NamedTuple

from foldline.cluster import GATEWAYS, HTTP_ROUTES, INFERENCE_SERVICES, REVISIONS, Cluster
from foldline.errors import ServingError
from foldline.serving.deploy_canary.backends.knative import form

ROUTE, KNATIVE, KSERVE = "route", "knative", "kserve"


class Choice(NamedTuple):
    """A backend, and why it is the one."""

    backend: str
    why: str


def chosen(cluster: Cluster, namespace: str, model_name: str) -> Choice:
    """What suits the cluster and the model's InferenceService.

    `knative` where that one is in mode Knative already; else `route` where the cluster has the Gateway API beside
    KServe, else `kserve`, which splits no traffic.

    Raises:
        ServingError: there is no KServe.
        ClusterError: the API server refuses something or does not answer.
    """
    if not cluster.serves(INFERENCE_SERVICES):
        raise ServingError(
            "backend auto",
            expected="a cluster with KServe",
            got="one that serves no inferenceservices.serving.kserve.io",
            fix="Install KServe, or take backend local.",
        )
    if cluster.serves(REVISIONS):
        found = cluster.granted_by("kserve").find(INFERENCE_SERVICES, namespace, model_name)
        if found is not None and form.mode(found) == form.MODE:
            return Choice(KNATIVE, f"inferenceservice/{model_name} in namespace {namespace} is in mode {form.MODE}")
    if cluster.serves(HTTP_ROUTES) and cluster.serves(GATEWAYS):
        return Choice(ROUTE, "the cluster has the Gateway API")
    return Choice(KSERVE, "the cluster has no Gateway API, so that nothing splits the traffic")


def need_knative(cluster: Cluster) -> None:
    """Nothing where the cluster has KServe and Knative.

    Raises:
        ServingError: it has not.
        ClusterError: the API server does not answer.
    """
    missing = [one for one in (INFERENCE_SERVICES, REVISIONS) if not cluster.serves(one)]
    if missing:
        raise ServingError(
            f"backend {KNATIVE}",
            expected="a cluster with KServe and Knative Serving",
            got=f"one that serves no {missing[0].qualified}",
            fix=f"Install {missing[0].product} and start KServe's controller again, which looks for it once; or take "
            f"backend {ROUTE}.",
        )
