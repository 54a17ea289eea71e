"""Kinds of objects, and what is done with them: the words of requests and of errors."""

from dataclasses import dataclass
from typing import Any

Object = dict[str, Any]


@dataclass(frozen=True)
class Resource:
    """A kind of object in a namespace.

    Attributes:
        group: API group; empty for the core.
        plural: its name in addresses and in Roles.
        product: who brings the API group, for the message where it is absent.
    """

    group: str
    version: str
    plural: str
    kind: str
    product: str = "Kubernetes"

    @property
    def api_version(self) -> str:
        """`apiVersion` of its objects."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def qualified(self) -> str:
        """Name with its group, as in Roles and in the API server's messages."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    def path(self, namespace: str, name: str = "", subresource: str = "") -> str:
        """Address on the API server of the objects in a namespace, or of one of them; of all where it is empty."""
        root = f"/apis/{self.group}" if self.group else "/api"
        place = ["namespaces", namespace] if namespace else []
        parts = [root, self.version, *place, self.plural, name, subresource]
        return "/".join(part for part in parts if part)


PODS = Resource("", "v1", "pods", "Pod")
EVENTS = Resource("", "v1", "events", "Event")
CONFIG_MAPS = Resource("", "v1", "configmaps", "ConfigMap")
SERVICES = Resource("", "v1", "services", "Service")
LEASES = Resource("coordination.k8s.io", "v1", "leases", "Lease")
ENDPOINT_SLICES = Resource("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice")
GATEWAYS = Resource("gateway.networking.k8s.io", "v1", "gateways", "Gateway", "the Gateway API")
HTTP_ROUTES = Resource("gateway.networking.k8s.io", "v1", "httproutes", "HTTPRoute", "the Gateway API")
KNATIVE_ROUTES = Resource("serving.knative.dev", "v1", "routes", "Route", "Knative Serving")
CONFIGURATIONS = Resource("serving.knative.dev", "v1", "configurations", "Configuration", "Knative Serving")
REVISIONS = Resource("serving.knative.dev", "v1", "revisions", "Revision", "Knative Serving")
EXPERIMENTS = Resource("kubeflow.org", "v1beta1", "experiments", "Experiment", "Katib")
TRIALS = Resource("kubeflow.org", "v1beta1", "trials", "Trial", "Katib")
SUGGESTIONS = Resource("kubeflow.org", "v1beta1", "suggestions", "Suggestion", "Katib")
INFERENCE_SERVICES = Resource("serving.kserve.io", "v1beta1", "inferenceservices", "InferenceService", "KServe")


@dataclass(frozen=True)
class Request:
    """One thing asked of the API server.

    Attributes:
        verb: as in Roles: get, list, create, patch or delete.
        name: of the object; empty for a list.
        capability: what it is needed for; the Role `foldline-<capability>` grants it.
    """

    verb: str
    resource: Resource
    namespace: str
    name: str
    capability: str
    subresource: str = ""

    @property
    def subject(self) -> str:
        """The object as messages name it: kind/name and its namespace, where it is in one."""
        named = f"{self.resource.kind.lower()}/{self.name}" if self.name else self.resource.qualified
        return f"{named} in namespace {self.namespace}" if self.namespace else named
