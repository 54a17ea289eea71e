"""A namespace of the test cluster whose InferenceService is in Knative mode, its users, and what Prometheus scrapes."""

import json
import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from builders.route_lab import PROMETHEUS, READY_S, Lab, Users
from builders.serving_site import Json, Kubectl, Site
from foldline.cluster import PODS
from foldline.errors import ClusterError
from foldline.serving.deploy_canary.backends.knative.assembly import knative_split
from foldline.serving.deploy_canary.backends.knative.split import KnativeSplit
from foldline.serving.deploy_canary.backends.route.gateway import Gateway
from foldline.serving.deploy_canary.backends.route.split import Revision

HOME = Path(os.environ.get("FOLDLINE_CLUSTER_HOME") or Path.home() / ".cache" / "foldline" / "cluster")
SAYS = "x-foldline-model-version"
COUNTED = 9091


@dataclass(frozen=True)
class Front:
    """Where users come in, and the host that they ask."""

    gateway: Gateway
    hostname: str


class KnativeLab(Lab):
    """The same namespace as a Lab's, with the model in Knative mode."""

    def __init__(self, site: Site, kubectl: Kubectl) -> None:
        super().__init__(site, kubectl)
        found = json.loads(kubectl("get", "service", "kourier", "--namespace=kourier-system", "--output=json"))
        self._entry = Gateway("kourier-system", "kourier", "http", found["spec"]["clusterIP"], 80)
        self._file = HOME / "run" / "targets" / f"{self.namespace}.json"
        self._ended = threading.Event()
        self._names = threading.Thread(target=self._name_pods)
        self._names.start()

    def served_first(self, version: str = "aaa", **faults: float) -> Revision:
        champion = self.model(version, **faults)
        first = self.knative(None, champion)
        first.start().wait_ready(READY_S)
        first.promote().wait_ready(READY_S)
        return champion

    def knative(
        self,
        champion: Revision | None,
        challenger: Revision,
        *,
        prometheus: str = PROMETHEUS,
        timeout_s: float = READY_S,
        **settings: Any,
    ) -> KnativeSplit:
        return knative_split(
            self.cluster,
            self.namespace,
            "late",
            champion=champion,
            challenger=challenger,
            prometheus=prometheus,
            inference_service=settings,
            timeout_s=timeout_s,
        )

    def users(self, *, rate: float = 100.0, model: str = "late", **asked: Any) -> Users:
        """Users who come in through Kourier."""
        front = Front(self._entry, f"{model}-predictor.{self.namespace}.example.com")
        return Users(front, rate=rate, says=SAYS, model=model, **asked)

    def service(self) -> Json:
        """The InferenceService."""
        found: Json = json.loads(self.kubectl("get", "inferenceservice", "late", "--output=json"))
        return found

    def asked(self) -> tuple[str, int | None]:
        """Version and percent that it asks for."""
        predictor = self.service()["spec"]["predictor"]
        return predictor["model"]["storageUri"].rpartition("/")[2], predictor.get("canaryTrafficPercent")

    def traffic(self) -> dict[str, int]:
        """Percent by version, as the Knative route has it."""
        route = json.loads(self.kubectl("get", "routes.serving.knative.dev", "late-predictor", "--output=json"))
        found: dict[str, int] = {}
        for target in route["status"]["traffic"]:
            version = self.version(target["revisionName"])
            found[version] = found.get(version, 0) + target["percent"]
        return {version: percent for version, percent in found.items() if percent}

    def version(self, revision: str) -> str:
        """The version that a revision serves."""
        found = json.loads(self.kubectl("get", "revision", revision, "--output=json"))
        source = found["metadata"]["annotations"]["internal.serving.kserve.io/storage-initializer-sourceuri"]
        return str(source.rpartition("/")[2])

    def patch(self, patch: Json) -> None:
        """Change the InferenceService by hand."""
        self.kubectl("patch", "inferenceservice", "late", "--type=merge", f"--patch={json.dumps(patch)}")

    def close(self) -> None:
        self._ended.set()
        self._names.join()
        self._file.unlink(missing_ok=True)
        super().close()

    def _name_pods(self) -> None:
        known: list[str] = []
        while not self._ended.wait(1.0):
            try:
                pods = self.cluster.select(PODS, self.namespace, labels="serving.knative.dev/revision")
            except ClusterError:
                continue
            there = [pod["status"]["podIP"] for pod in pods if pod["status"].get("podIP")]
            if there != known:
                known = there
                unfinished = self._file.with_suffix(".unfinished")
                unfinished.write_text(json.dumps([{"targets": [f"{address}:{COUNTED}" for address in there]}]))
                unfinished.rename(self._file)
