"""The Kubernetes room: the only place that knows the client library; objects are plain dicts."""

from foldline.cluster.client import Cluster
from foldline.cluster.connection import connect
from foldline.cluster.resources import EVENTS, INFERENCE_SERVICES, PODS, Object, Resource
from foldline.cluster.waiting import Done, Failed, Outcome, Pending, wait_until

__all__ = [
    "EVENTS",
    "INFERENCE_SERVICES",
    "PODS",
    "Cluster",
    "Done",
    "Failed",
    "Object",
    "Outcome",
    "Pending",
    "Resource",
    "connect",
    "wait_until",
]
