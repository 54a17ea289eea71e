"""Which way of serving a rollout a cluster has."""

from foldline.cluster import GATEWAYS, HTTP_ROUTES, INFERENCE_SERVICES, Cluster
from foldline.errors import ServingError

ROUTE, KSERVE, STANDARD = "route", "kserve", "standard"


def chosen(cluster: Cluster) -> str:
    """`route` where the cluster has the Gateway API beside KServe, else `kserve`, which splits no traffic.

    Raises:
        ServingError: there is no KServe.
        ClusterError: the API server does not answer.
    """
    if not cluster.serves(INFERENCE_SERVICES):
        raise ServingError(
            "backend auto",
            expected="a cluster with KServe",
            got="one that serves no inferenceservices.serving.kserve.io",
            fix="Install KServe, or take backend local.",
        )
    return ROUTE if cluster.serves(HTTP_ROUTES) and cluster.serves(GATEWAYS) else KSERVE


def refuse_standard() -> ServingError:
    """Why InferenceServices' own canaries are not used."""
    return ServingError(
        f"backend {STANDARD}",
        expected="a KServe that sends the share of traffic which spec.canary[] asks for",
        got="KServe 0.20 and earlier, which show the share in the status and send all traffic to the stable predictor",
        fix=f"Take backend {ROUTE}, which reads the weights back from its own HTTPRoute.",
    )
