"""A namespace of the test cluster in which models are served, and ways into it from outside of its pods."""

import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from builders import canary
from foldline.artifacts import Dataset, Decision, Model
from foldline.store import open_store

MANIFESTS = Path(__file__).resolve().parents[2] / "manifests"
READY_S = 240.0
CLUSTER_DOMAIN = ".svc.cluster.local"
Kubectl = Callable[..., str]
Json = dict[str, Any]


class Site:
    """A namespace with the manifests of the model server, and a store of its own."""

    def __init__(self, namespace: str, kubectl: Kubectl, dataset: Dataset, out: Path, store_uri: str) -> None:
        self.namespace, self.store_uri = namespace, store_uri
        self._kubectl, self.dataset, self.out = kubectl, dataset, out

    def kubectl(self, *arguments: str, given: Any = None) -> str:
        text = None if given is None else json.dumps(given)
        return self._kubectl(f"--namespace={self.namespace}", *arguments, given=text)

    def services(self) -> dict[str, str]:
        """The model of each InferenceService that is not being deleted."""
        found = json.loads(self.kubectl("get", "inferenceservices", "--output=json"))["items"]
        return {
            one["metadata"]["name"]: one["spec"]["predictor"]["model"]["storageUri"].rpartition("/")[2]
            for one in found
            if "deletionTimestamp" not in one["metadata"]
        }

    def runtime(self, change: Callable[[Json], None]) -> None:
        """Change the container of the ServingRuntime."""
        found = json.loads(self.kubectl("get", "servingruntime", "foldline-server", "--output=json"))
        change(found["spec"]["containers"][0])
        self.kubectl("replace", "--filename=-", given=found)

    @property
    def champion(self) -> str | None:
        return open_store(self.store_uri).alias("late", "champion")

    def settings(self, **changed: Any) -> dict[str, Any]:
        return {
            "store_uri": self.store_uri,
            "backend": "kserve",
            "champion": self.champion or "",
            "timeout_s": READY_S,
            **changed,
        }

    def deploy(self, model: Model, name: str, **changed: Any) -> Decision:
        return canary.deploy(self.dataset, model, self.out / name, **self.settings(**changed))


def as_runner(site: Site, folder: Path) -> Path:
    """A kubeconfig of the service account `pipeline-runner`, which has the Role foldline-kserve and no other."""
    site.kubectl("create", "serviceaccount", "pipeline-runner")
    site.kubectl("apply", f"--filename={MANIFESTS / 'base' / 'roles.yaml'}")
    bound = f"--serviceaccount={site.namespace}:pipeline-runner"
    site.kubectl("create", "rolebinding", "runner", "--role=foldline-kserve", bound)
    config = json.loads(site.kubectl("config", "view", "--raw", "--output=json"))
    token = site.kubectl("create", "token", "pipeline-runner", "--duration=2h").strip()
    cluster = config["clusters"][0]["name"]
    config |= {
        "users": [{"name": "runner", "user": {"token": token}}],
        "contexts": [{"name": "r", "context": {"cluster": cluster, "user": "runner", "namespace": site.namespace}}],
        "current-context": "r",
    }
    file = folder / "runner"
    file.write_text(json.dumps(config))
    return file


def resolving(kubectl: Kubectl) -> Callable[..., Any]:
    """Names of Services, which only pods can look up, to their addresses, which this process can reach."""
    real = socket.getaddrinfo

    def look_up(host: Any, *arguments: Any, **named: Any) -> Any:
        if isinstance(host, str) and host.endswith(CLUSTER_DOMAIN):
            service, namespace = host.removesuffix(CLUSTER_DOMAIN).split(".")
            spec = json.loads(kubectl("get", "service", service, f"--namespace={namespace}", "--output=json"))["spec"]
            if spec["type"] == "ExternalName":
                return look_up(spec["externalName"], *arguments, **named)
            host = spec["clusterIP"]
        return real(host, *arguments, **named)

    return look_up
