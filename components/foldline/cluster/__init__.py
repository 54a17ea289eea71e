"""The Kubernetes room: the only place that knows the client library; objects are plain dicts."""

from foldline.cluster.client import Cluster
from foldline.cluster.connection import connect
from foldline.cluster.faults import UnansweredError
from foldline.cluster.resources import (
    CONFIG_MAPS,
    CONFIGURATIONS,
    ENDPOINT_SLICES,
    EVENTS,
    GATEWAYS,
    HTTP_ROUTES,
    INFERENCE_SERVICES,
    KNATIVE_ROUTES,
    LEASES,
    PODS,
    REVISIONS,
    SERVICES,
    Object,
    Resource,
)

__all__ = [
    "CONFIGURATIONS",
    "CONFIG_MAPS",
    "ENDPOINT_SLICES",
    "EVENTS",
    "GATEWAYS",
    "HTTP_ROUTES",
    "INFERENCE_SERVICES",
    "KNATIVE_ROUTES",
    "LEASES",
    "PODS",
    "REVISIONS",
    "SERVICES",
    "Cluster",
    "Object",
    "Resource",
    "UnansweredError",
    "connect",
]
