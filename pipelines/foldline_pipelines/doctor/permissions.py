"""What Foldline may do in a namespace, and why: the Roles in manifests/base grant exactly this."""

from typing import NamedTuple


class Permission(NamedTuple):
    """Verbs on one kind of object.

    Attributes:
        capability: what it is part of; the Role `foldline-<capability>` grants it.
        group: API group; empty for the core.
        subresource: empty for the objects themselves.
    """

    capability: str
    group: str
    resource: str
    subresource: str
    verbs: tuple[str, ...]
    why: str

    @property
    def path(self) -> str:
        """Resource and subresource as a Role has them."""
        return f"{self.resource}/{self.subresource}" if self.subresource else self.resource

    @property
    def qualified(self) -> str:
        """The same with the API group, as in messages of the API server."""
        return f"{self.path}.{self.group}" if self.group else self.path


_PIPELINES = "pipelines.kubeflow.org"
_KATIB = "kubeflow.org"
_KSERVE = "serving.kserve.io"
_GATEWAY = "gateway.networking.k8s.io"
_KNATIVE = "serving.knative.dev"
_READ_LOGS = "put the last words of a container that does not run into the message"

PERMISSIONS = (
    Permission(
        "kserve",
        _KSERVE,
        "inferenceservices",
        "",
        ("get", "create", "patch", "delete"),
        "try the challenger in an InferenceService of its own, then point the model's at it",
    ),
    Permission("kserve", "", "pods", "", ("list",), "see that every pod serves the new model, or why one does not"),
    Permission("kserve", "", "pods", "log", ("get",), _READ_LOGS),
    Permission("kserve", "", "events", "", ("list",), "say why there is no pod: a quota, a policy"),
    Permission(
        "katib",
        _KATIB,
        "experiments",
        "",
        ("get", "create", "delete"),
        "start a search, follow it, and end it with its task",
    ),
    Permission(
        "katib", _KATIB, "trials", "", ("list", "delete"), "see the parameters of trials; end those that still run"
    ),
    Permission("katib", _KATIB, "suggestions", "", ("get",), "say why a search does not go on"),
    Permission("katib", "", "pods", "", ("list",), "see why a trial does not run"),
    Permission("katib", "", "pods", "log", ("get",), _READ_LOGS),
    Permission("katib", "", "events", "", ("list",), "say why there is no pod: a quota, a policy"),
    Permission("rollouts", "", "configmaps", "", ("get", "create", "patch"), "keep the state of a rollout"),
    Permission(
        "rollouts",
        "coordination.k8s.io",
        "leases",
        "",
        ("get", "create", "patch"),
        "let one rollout of a model run at a time",
    ),
    Permission(
        "rollouts",
        _GATEWAY,
        "httproutes",
        "",
        ("get", "create", "patch", "delete"),
        "split the model's traffic, and read back what was asked",
    ),
    Permission(
        "rollouts",
        _GATEWAY,
        "gateways",
        "",
        ("get", "list"),
        "find where users come in; apply it in the Gateway's namespace too",
    ),
    Permission("rollouts", "", "services", "", ("get",), "route to nothing that is not there"),
    Permission("rollouts", "discovery.k8s.io", "endpointslices", "", ("list",), "route to nothing without a ready pod"),
    Permission(
        "rollouts", _KNATIVE, "configurations", "", ("get",), "with Knative: see which revision is the challenger's"
    ),
    Permission(
        "rollouts",
        _KNATIVE,
        "revisions",
        "",
        ("get",),
        "with Knative: see which model a revision serves, and whether it is ready",
    ),
    Permission("rollouts", _KNATIVE, "routes", "", ("get",), "with Knative: read back what was asked"),
    Permission("runs", _PIPELINES, "pipelines", "", ("list", "create"), "upload a pipeline that is not there yet"),
    Permission("runs", _PIPELINES, "experiments", "", ("list", "create"), "put runs into an experiment"),
    Permission(
        "runs",
        _PIPELINES,
        "runs",
        "",
        ("get", "list", "create", "terminate"),
        "start a run, follow it, see whether one goes on; end one of two that were started for one reason",
    ),
    Permission(
        "runs",
        _PIPELINES,
        "jobs",
        "",
        ("get", "list", "create", "delete", "enable", "disable"),
        "make, show, pause and remove recurring runs",
    ),
)


def of(capability: str) -> tuple[Permission, ...]:
    """The permissions of one capability."""
    return tuple(permission for permission in PERMISSIONS if permission.capability == capability)
