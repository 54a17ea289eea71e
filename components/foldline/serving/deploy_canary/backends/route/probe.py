"""Which ways of splitting traffic a cluster has."""

from foldline.cluster import GATEWAYS, HTTP_ROUTES, INFERENCE_SERVICES, Cluster, Resource
from foldline.errors import ServingError

KNATIVE_SERVICES = Resource("serving.knative.dev", "v1", "services", "Service", "Knative Serving")
ROUTE, KNATIVE, STANDARD = "route", "knative", "standard"


def backends(cluster: Cluster) -> tuple[str, ...]:
    """Names of the backends that this cluster has the APIs for, the one to prefer first; empty where none.

    Raises:
        ClusterError: the API server does not answer.
    """
    if not cluster.serves(INFERENCE_SERVICES):
        return ()
    route = cluster.serves(HTTP_ROUTES) and cluster.serves(GATEWAYS)
    found = {KNATIVE: cluster.serves(KNATIVE_SERVICES), ROUTE: route}
    return tuple(name for name, there in found.items() if there)


def refuse_standard() -> ServingError:
    """Why InferenceServices' own canaries are not used."""
    return ServingError(
        f"backend {STANDARD}",
        expected="a KServe that sends the share of traffic which spec.canary[] asks for",
        got="KServe 0.20 and earlier, which show the share in the status and send all traffic to the stable predictor",
        fix=f"Take backend {ROUTE}, which reads the weights back from its own HTTPRoute.",
    )
