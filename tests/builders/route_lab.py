"""A namespace of the test cluster with models behind an HTTPRoute, and users who ask for them."""

import collections
import http.client
import io
import itertools
import json
import os
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from builders.serving_site import MANIFESTS, Json, Kubectl, Site
from foldline.cluster import Cluster, connect
from foldline.object_store import client_from_environment
from foldline.serving.deploy_canary.backends.route import gateway as gateways
from foldline.serving.deploy_canary.backends.route.assembly import route_split
from foldline.serving.deploy_canary.backends.route.router import Router
from foldline.serving.deploy_canary.backends.route.split import Revision, RouteSplit

STAND_IN = Path(__file__).resolve().parent / "stand_in_server.py"
GATEWAY = "kserve/kserve-ingress-gateway"
PROMETHEUS = "http://127.0.0.1:19090"
READY_S = 180.0


class Lab:
    """The namespace of `site`; the code under test runs as its service account, with the Role foldline-rollouts too."""

    def __init__(self, site: Site, kubectl: Kubectl) -> None:
        self.site, self.namespace, self.kubectl = site, site.namespace, site.kubectl
        self._kubectl = kubectl
        self._bucket = site.store_uri.removeprefix("s3://").partition("/")[0]
        bound = f"--serviceaccount={self.namespace}:pipeline-runner"
        self.kubectl("create", "rolebinding", "rollouts", "--role=foldline-rollouts", bound)
        # The Gateway's own namespace.
        kubectl("apply", "--namespace=kserve", f"--filename={MANIFESTS / 'base' / 'roles.yaml'}")
        kubectl("create", "rolebinding", self.namespace, "--role=foldline-rollouts", bound, "--namespace=kserve")
        self.cluster: Cluster = connect(capability="kserve")
        self.rollouts = self.cluster.granted_by("rollouts")

    def stand_ins(self) -> None:
        """Serve with a small server that fails as it is told, in place of the real one."""

        def change(container: Json) -> None:
            container["image"] = "localhost/base:1"
            container["command"] = ["python3", "-c", STAND_IN.read_text()]
            container["resources"] = {"requests": {"cpu": "10m", "memory": "32Mi"}}
            container["startupProbe"]["periodSeconds"] = container["readinessProbe"]["periodSeconds"] = 1

        self.site.runtime(change)

    def model(self, version: str, **faults: float) -> Revision:
        """A version in the bucket whose server fails a share `err` of the requests, each after `delay_ms`."""
        text = json.dumps({"version": version, **faults}).encode()
        client = client_from_environment(f"s3://{self._bucket}", os.environ)
        client.put_object(self._bucket, f"late/{version}/model.json", io.BytesIO(text), len(text))
        return Revision(version, f"s3://{self._bucket}/late/{version}")

    def served_first(self, version: str = "aaa", **faults: float) -> Revision:
        """A champion that serves alone."""
        champion = self.model(version, **faults)
        first = self.split(None, champion)
        first.start().wait_ready(READY_S)
        first.promote().wait_ready(READY_S)
        return champion

    def router(self, gateway: str = GATEWAY, model: str = "late") -> Router:
        return Router(self.rollouts, self.namespace, model, gateways.find(self.rollouts, self.namespace, gateway))

    def split(
        self,
        champion: Revision | None,
        challenger: Revision,
        *,
        prometheus: str = PROMETHEUS,
        timeout_s: float = READY_S,
        **settings: Any,
    ) -> RouteSplit:
        return route_split(
            self.cluster,
            self.namespace,
            "late",
            champion=champion,
            challenger=challenger,
            gateway=GATEWAY,
            hostname="",
            prometheus=prometheus,
            inference_service=settings,
            timeout_s=timeout_s,
        )

    def weights(self) -> dict[str, int]:
        """Weight of each Service in the route."""
        found = json.loads(self.kubectl("get", "httproute", "foldline-late", "--output=json"))
        return {ref["name"]: ref["weight"] for ref in found["spec"]["rules"][0]["backendRefs"]}

    def patch_route(self, *operations: dict[str, Any]) -> None:
        self.kubectl("patch", "httproute", "foldline-late", "--type=json", f"--patch={json.dumps(operations)}")

    def close(self) -> None:
        self.kubectl("delete", "httproutes", "--all", "--wait=false")
        self._kubectl("delete", "rolebinding", self.namespace, "--namespace=kserve", "--ignore-not-found")


class Answered(NamedTuple):
    """What a user got: seconds since 1970, HTTP status (0 for none), the InferenceService that says it answered, and
    the identity that the request had."""

    at: float
    status: int
    served_by: str
    request: str = ""


class Users:
    """Users who ask the model through the gateway all the time, `rate` requests a second in all.

    Args:
        says: header of an answer that tells whose it is.
        rows: that are asked for, round and round.
        model: the name under which it is asked.
    """

    def __init__(
        self,
        router: Any,
        *,
        rate: float = 100.0,
        threads: int = 4,
        says: str = "x-served-by",
        rows: Sequence[Json] = ({"distance": 1.0},),
        model: str = "late",
    ) -> None:
        self._router, self._pause, self._says = router, threads / rate, says
        self._path = f"/v1/models/{model}:predict"
        self._bodies = itertools.cycle([json.dumps({"instances": [row]}) for row in rows])
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(threads)]
        self.answers: list[Answered] = []

    def __enter__(self) -> "Users":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def failed(self) -> list[Answered]:
        return [one for one in self.answers if one.status == 0 or one.status >= 500]

    def shares(self, since: float = 0.0) -> dict[str, int]:
        """Requests by who answered them."""
        return dict(collections.Counter(one.served_by for one in self.answers if one.at >= since))

    def _ask(self) -> None:
        gateway, connection = self._router.gateway, None
        due = time.monotonic()
        while not self._ended.is_set():
            due = max(due + self._pause, time.monotonic() - 0.1)
            time.sleep(max(due - time.monotonic(), 0.0))
            at = time.time()
            try:
                connection = connection or http.client.HTTPConnection(gateway.address, gateway.port, timeout=10)
                connection.request("POST", self._path, next(self._bodies), {"Host": self._router.hostname})
                answer = connection.getresponse()
                answer.read()
                said = (answer.getheader(name, "") for name in (self._says, "x-request-id"))
                self.answers.append(Answered(at, answer.status, *said))
            except (OSError, http.client.HTTPException):
                connection = None
                self.answers.append(Answered(at, 0, ""))
