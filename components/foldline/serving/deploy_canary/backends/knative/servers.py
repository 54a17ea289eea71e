"""A revision's own pods, and the model as its users reach it, both as servers that can be asked."""

from dataclasses import dataclass
from typing import Any

from foldline.cluster import Object
from foldline.errors import ServingError
from foldline.serving.answer import Answer
from foldline.serving.deploy_canary.backends import inference_service
from foldline.serving.deploy_canary.backends.knative import form
from foldline.serving.deploy_canary.backends.knative.form import Made, Seen
from foldline.serving.deploy_canary.backends.knative.service import POLL_S, Service
from foldline.serving.deploy_canary.backends.pods import is_ending, name_of, trouble
from foldline.serving.requests import ask, predict
from foldline.waiting import Done, Outcome, Pending, wait_until

# A router may be more than one process; each new connection may come to another.
ALIKE = 5
_CONTAINER = "kserve-container"
_READY = "/v2/health/ready"


@dataclass(frozen=True)
class _Look:
    now: Seen | None
    made: Made
    revision: Object | None
    pods: list[Object]


class RevisionServer:
    """The newest revision of an InferenceService, asked past the router and past Knative's own proxy.

    Attributes:
        revision: its name, once it was seen to be ready.
    """

    def __init__(self, service: Service, uri: str) -> None:
        self._service, self._uri = service, uri
        self.revision = ""

    def wait_ready(self, timeout_s: float) -> float:
        """Wait until the newest revision is one of this model and is ready; the seconds that took.

        Raises:
            ServingError: it failed, or is not ready after `timeout_s`; the message has the last state.
        """
        waited = wait_until(
            self._look,
            lambda seen: form.judge_revision(seen.now, seen.made, seen.revision, seen.pods, self._uri),
            what=self._service.what,
            expected=f"a ready revision for {self._uri}",
            timeout_s=timeout_s,
            poll_s=POLL_S,
            error=ServingError,
        )
        assert waited.seen.revision is not None
        self.revision = name_of(waited.seen.revision)
        return waited.seconds

    def predict(self, instances: list[dict[str, Any]]) -> Answer:
        """A request of protocol V1 to one of its pods."""
        there = addresses(self._service.pods(self.revision))
        if not there:
            return Answer(0, f"no answer: revision/{self.revision} has no ready pod", "", 0.0)
        return predict(*there[0], self._service.name, instances)

    def described(self) -> dict[str, Any]:
        pods = self._service.pods(self.revision)
        return {
            "inference_service": self._service.name,
            "namespace": self._service.namespace,
            "revision": self.revision,
            "pods": ", ".join(name_of(pod) for pod in pods if not is_ending(pod)),
            "model_uri": self._uri,
        }

    def _look(self) -> _Look:
        now, made = self._service.seen(), self._service.made()
        revision = self._service.revision(made.newest)
        return _Look(now, made, revision, self._service.pods(made.newest) if revision else [])


class UserServer:
    """What the users of an InferenceService get.

    Args:
        version: of the model that must answer.
    """

    def __init__(self, service: Service, version: str, revision: str) -> None:
        self._service, self._version, self._revision = service, version, revision
        self._host, self._port = "", 0

    def wait_ready(self, timeout_s: float) -> float:
        """As the protocol says; every answer must be this version's."""

        def judge(answers: list[Answer]) -> Outcome:
            other = [one for one in answers if one.status != 200 or one.version != self._version]
            if not other:
                return Done()
            return Pending(f"status {other[0].status} of version {other[0].version or 'unknown'}: {other[0].content}")

        return wait_until(
            self._ask,
            judge,
            what=self._service.what,
            expected=f"answers of version {self._version}",
            timeout_s=timeout_s,
            poll_s=POLL_S,
            error=ServingError,
        ).seconds

    def predict(self, instances: list[dict[str, Any]]) -> Answer:
        return predict(self._host, self._port, self._service.name, instances)

    def described(self) -> dict[str, Any]:
        return {
            "inference_service": self._service.name,
            "namespace": self._service.namespace,
            "address_in_cluster": f"http://{self._host}:{self._port}",
            "revision": self._revision,
        }

    def _ask(self) -> list[Answer]:
        found = self._service.find()
        if found is None:
            return [Answer(0, "there is no InferenceService", "", 0.0)]
        self._host, self._port = inference_service.address(found)
        return [ask(self._host, self._port, "GET", _READY) for _ in range(ALIKE)]


def addresses(pods: list[Object]) -> list[tuple[str, int]]:
    """Address and port of the model server in each pod that is ready."""
    return [
        (str(pod["status"]["podIP"]), _port(pod))
        for pod in pods
        if not is_ending(pod) and trouble(pod) is None and pod["status"].get("podIP")
    ]


def _port(pod: Object) -> int:
    container = next(one for one in pod["spec"]["containers"] if one["name"] == _CONTAINER)
    return int(container["ports"][0]["containerPort"])
