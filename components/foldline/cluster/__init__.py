"""The Kubernetes room: the only place that knows the client library; objects are plain dicts."""

from foldline.cluster.client import Cluster
from foldline.cluster.connection import connect
from foldline.cluster.faults import UnansweredError
from foldline.cluster.resources import (
    CONFIG_MAPS,
    CONFIGURATIONS,
    ENDPOINT_SLICES,
    EVENTS,
    EXPERIMENTS,
    GATEWAYS,
    HTTP_ROUTES,
    INFERENCE_SERVICES,
    KNATIVE_ROUTES,
    LEASES,
    PODS,
    REVISIONS,
    SERVICES,
    SUGGESTIONS,
    TRIALS,
    Object,
    Resource,
)

__all__ = [
    "CONFIGURATIONS",
    "CONFIG_MAPS",
    "ENDPOINT_SLICES",
    "EVENTS",
    "EXPERIMENTS",
    "GATEWAYS",
    "HTTP_ROUTES",
    "INFERENCE_SERVICES",
    "KNATIVE_ROUTES",
    "LEASES",
    "PODS",
    "REVISIONS",
    "SERVICES",
    "SUGGESTIONS",
    "TRIALS",
    "Cluster",
    "Object",
    "Resource",
    "UnansweredError",
    "connect",
]
