"""What the doctor knows of a cluster."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from foldline_pipelines.doctor.permissions import Permission

Object = Mapping[str, Any]


@dataclass(frozen=True)
class Unknown:
    """Something that could not be read, and why."""

    reason: str


@dataclass(frozen=True)
class Node:
    """A node as far as the placement of pods goes.

    Attributes:
        accelerators: allocatable number by resource name.
        taints: as in the Node's spec.
    """

    name: str
    accelerators: Mapping[str, int]
    labels: Mapping[str, str] = field(default_factory=dict)
    taints: tuple[Object, ...] = ()


@dataclass(frozen=True)
class Secret:
    """A Secret without its values."""

    keys: frozenset[str]
    annotations: Mapping[str, str]


@dataclass(frozen=True)
class KServe:
    """How KServe is set up.

    Attributes:
        version: of its controller's image; empty where there is no such Deployment.
        mode: deployment mode of an InferenceService that names none; empty where the ConfigMap has none.
        gateway_api: whether it makes routes of the Gateway API.
    """

    version: str
    mode: str
    gateway_api: bool


@dataclass(frozen=True)
class Facts:
    """One look at a cluster and a namespace; None where the object is not there.

    Attributes:
        user: who asks.
        account: service account in the namespace whose permissions count for pods; empty takes those of `user`.
        kubernetes: version of the API server.
        resources: kinds of objects that the API server knows, as `plural.group`, of the groups that matter here.
        allowed: whether a verb of a permission is granted: `runs` to `user`, all others to `account`.
        pull_secrets: names in the imagePullSecrets of `account`.
        storage_classes: by name, whether it is the default.
        cache: phase of the PersistentVolumeClaim.
        health: what Kubeflow Pipelines says of itself; None without an endpoint.
    """

    namespace: str
    user: str
    account: str
    kubernetes: str
    resources: frozenset[str]
    allowed: Mapping[tuple[Permission, str], bool | Unknown]
    labels: Mapping[str, str] | Unknown | None
    pull_secrets: tuple[str, ...] | Unknown | None
    secret: Secret | Unknown | None
    runtime: bool | Unknown
    server_account: bool | Unknown
    kserve: KServe | Unknown
    nodes: tuple[Node, ...] | Unknown
    storage_classes: Mapping[str, bool] | Unknown
    cache: str | Unknown | None
    health: Object | Unknown | None
