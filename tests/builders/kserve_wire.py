"""KServe at the wire: an API server's answers, with pods that are ready at once, and predictors that really predict."""

import copy
from collections.abc import Callable
from typing import Any

from builders.kserve_objects import CONDITIONS, pod
from builders.wire import Asked, Reply
from foldline.errors import FoldlineError, ServingError
from foldline.predictor import Predictor
from foldline.serving.server import protocols
from foldline.store import version_of

API = "/apis/serving.kserve.io/v1beta1/namespaces/team/inferenceservices"
PODS = "/api/v1/namespaces/team/pods"
EVENTS = "/api/v1/namespaces/team/events"
Json = dict[str, Any]


class KServe:
    """InferenceServices by name, and the model of each address.

    Attributes:
        containers: of a pod that does not become ready, by the name of the InferenceService.
        wrong: names of InferenceServices whose every answer is a 500.
        denied: verb and resource that the service account may not do.
        address: of the predictors.
        before: called before each request is answered.
    """

    def __init__(self, models: dict[str, Predictor]) -> None:
        self.models = models
        self.services: dict[str, Json] = {}
        self.containers: dict[str, Json] = {}
        self.wrong: set[str] = set()
        self.denied: set[tuple[str, str]] = set()
        self.address = ""
        self.before: Callable[[Asked], None] = lambda _: None
        self._version = 0

    def put(self, name: str, uri: str, *, labels: Json | None = None) -> None:
        """An InferenceService that is there before the test begins."""
        owned = {"app.kubernetes.io/managed-by": "foldline"} if labels is None else labels
        metadata = {"name": name, "namespace": "team", "labels": owned}
        self._store({"metadata": metadata, "spec": {"predictor": {"model": {"storageUri": uri}}}})

    def uri(self, name: str) -> str | None:
        found = self.services.get(name)
        return found["spec"]["predictor"]["model"]["storageUri"] if found else None

    def answer(self, asked: Asked) -> Reply:
        self.before(asked)
        if asked.path == "/v2/health/ready":
            return Reply(content={"ready": True})
        if asked.path.startswith("/v1/models/"):
            return self._predict(asked.path.removeprefix("/v1/models/").removesuffix(":predict"), asked.content)
        resource = "pods/log" if asked.path.endswith("/log") else "pods" if asked.path == PODS else "inferenceservices"
        verb = {"POST": "create", "PATCH": "patch", "DELETE": "delete"}.get(
            asked.method, "list" if asked.path in (PODS, EVENTS) else "get"
        )
        if (verb, resource) in self.denied:
            said = f'User "system:serviceaccount:team:pipeline-runner" cannot {verb} resource "{resource}"'
            return _status(403, "Forbidden", said)
        if resource == "pods/log":
            return Reply(content=b"loading\nmodel.json: torn\n")
        if asked.path == PODS:
            name = asked.query["labelSelector"].partition("=")[2]
            return Reply(content={"items": self._pods(name)})
        if asked.path == EVENTS:
            return Reply(content={"items": []})
        return self._service(asked, asked.path.removeprefix(API).strip("/"))

    def _service(self, asked: Asked, name: str) -> Reply:
        if asked.method == "POST":
            if asked.content["metadata"]["name"] in self.services:
                return _status(409, "AlreadyExists", "it already exists")
            return Reply(201, self._store(asked.content))
        if name not in self.services:
            return _status(404, "NotFound", f'inferenceservices "{name}" not found', name=name)
        found = self.services[name]
        if asked.method == "PATCH":
            patch = copy.deepcopy(asked.content)
            if patch["metadata"]["resourceVersion"] != found["metadata"]["resourceVersion"]:
                return _status(409, "Conflict", "the object has been modified")
            return Reply(content=self._store(_merged(found, patch)))
        if asked.method == "DELETE":
            return Reply(content=self.services.pop(name))
        return Reply(content=found)

    def _store(self, service: Json) -> Json:
        self._version += 1
        stored = copy.deepcopy(service)
        stored["metadata"]["resourceVersion"] = str(self._version)
        conditions = [{"type": kind, "status": "True"} for kind in CONDITIONS]
        stored["status"] = {"conditions": conditions, "address": {"url": self.address}}
        self.services[stored["metadata"]["name"]] = stored
        return stored

    def _pods(self, name: str) -> list[Json]:
        uri = self.uri(name)
        if uri is None:
            return []
        broken = self.containers.get(name)
        made = f"{name}-predictor-{self.services[name]['metadata']['resourceVersion']}"
        return [pod(uri, *([broken] if broken else []), name=made, ready=broken is None)]

    def _predict(self, name: str, content: Json) -> Reply:
        uri = self.uri(name)
        if uri is None or name in self.wrong:
            return Reply(500, {"error": "broken"})
        predictor = self.models[uri]
        header = {"x-foldline-model-version": version_of(predictor.model.digest)}
        try:
            tensors = protocols.tensors_of_v1(content, predictor.model.signature)
            return Reply(200, protocols.answer_of_v1(predictor.predict(tensors)), header)
        except ServingError as fault:
            return Reply(500, {"error": str(fault)}, header)
        except FoldlineError as fault:
            return Reply(400, {"error": str(fault)}, header)


def _status(code: int, reason: str, message: str, **details: str) -> Reply:
    return Reply(code, {"kind": "Status", "code": code, "reason": reason, "message": message, "details": details})


def _merged(found: Json, patch: Json) -> Json:
    result = dict(found)
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = _merged(result.get(name, {}), value) if isinstance(value, dict) else value
    return result
