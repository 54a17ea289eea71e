"""One InferenceService: made, read, waited for, asked and removed."""

from typing import Any

from foldline.cluster import EVENTS, INFERENCE_SERVICES, PODS, Cluster, Object
from foldline.errors import ClusterError, ServingError
from foldline.serving.answer import Answer
from foldline.serving.deploy_canary.backends import inference_service as form
from foldline.serving.deploy_canary.backends.pods import pod_labels, speaker
from foldline.serving.requests import ask, predict
from foldline.waiting import Done, Outcome, Pending, wait_until

POLL_S = 1.0
REACH_S = 10.0


class KServeServer:
    """One InferenceService, asked through the Service in front of its predictor.

    Args:
        model: name under which it serves the model; empty where that is its own.
    """

    def __init__(self, cluster: Cluster, namespace: str, name: str, uri: str, *, model: str = "") -> None:
        self.cluster, self.namespace, self.name, self.uri = cluster, namespace, name, uri
        self._model = model or name
        self._seen = form.Seen(None)

    @property
    def what(self) -> str:
        """The object as messages name it."""
        return f"inferenceservice/{self.name} in namespace {self.namespace}"

    def serving(self, uri: str) -> "KServeServer":
        """The same InferenceService with the model at `uri`."""
        return KServeServer(self.cluster, self.namespace, self.name, uri)

    def find(self) -> Object | None:
        """The InferenceService, or None where there is none.

        Raises:
            ServingError: there is one that Foldline did not make.
        """
        found = self.cluster.find(INFERENCE_SERVICES, self.namespace, self.name)
        if found is not None and not form.is_ours(found):
            raise ServingError(
                self.what,
                expected="none, or one that Foldline made (label app.kubernetes.io/managed-by: foldline)",
                got="one that somebody else made",
                fix="Give the model another name, or remove the InferenceService.",
            )
        return found

    def stays(self) -> bool:
        """Whether it is there, and is not being deleted."""
        found = self.find()
        return found is not None and not found["metadata"].get("deletionTimestamp")

    def create(self, *, cluster_local: bool) -> None:
        self.make(form.build(self.name, self.namespace, self.uri, cluster_local=cluster_local))

    def make(self, body: Object) -> None:
        """Create it as `body` says."""
        self.cluster.create(INFERENCE_SERVICES, self.namespace, body)

    def point_at(self, uri: str, *, only_from: str = "") -> None:
        """Let it serve the model at `uri`; with `only_from`, only where it is to serve that one now."""

        def change(found: Object) -> Object | None:
            current = form.model_uri(found)
            return None if current == uri or (only_from and current != only_from) else form.pointed_at(uri)

        self.cluster.edit(INFERENCE_SERVICES, self.namespace, self.name, change)

    def remove(self) -> None:
        """Delete it where Foldline made it."""
        if self.find() is not None:
            self.cluster.delete(INFERENCE_SERVICES, self.namespace, self.name)

    def wait_gone(self, timeout_s: float) -> None:
        """Wait until its finalizers have let it go."""

        def judge(found: Object | None) -> Outcome:
            if found is None:
                return Done()
            return Pending(f"kept by its finalizers {found['metadata'].get('finalizers')}")

        once = self.cluster.without_retries()
        wait_until(
            lambda: once.find(INFERENCE_SERVICES, self.namespace, self.name),
            judge,
            what=self.what,
            expected="to be deleted",
            timeout_s=timeout_s,
            poll_s=POLL_S,
            error=ServingError,
        )

    def wait_ready(self, timeout_s: float) -> float:
        """Wait until every answer comes from the model; the seconds that took.

        Raises:
            ServingError: it failed, or is not ready after `timeout_s`; the message has the last state, and the last
                line of the log of the container that does not serve.
        """
        once = self.cluster.without_retries()
        try:
            waited = wait_until(
                lambda: self._look(once),
                lambda seen: form.judge(seen, self.uri),
                what=self.what,
                expected=f"ready to serve {self.uri}",
                timeout_s=timeout_s,
                poll_s=POLL_S,
                error=ServingError,
            )
        except ServingError as fault:
            said = self._last_line()
            if not said:
                raise
            raise ServingError(fault.what, expected=fault.expected, got=f"{fault.got}; {said}") from None
        self._seen = waited.seen
        return waited.seconds + self._wait_reachable(max(timeout_s - waited.seconds, REACH_S))

    def _wait_reachable(self, timeout_s: float) -> float:
        # The node learns of a ready pod a moment after the API server does.
        assert self._seen.service is not None
        host, port = form.address(self._seen.service)

        def judge(answer: Answer) -> Outcome:
            return Done() if answer.status == 200 else Pending(f"status {answer.status}: {answer.content}")

        return wait_until(
            lambda: ask(host, port, "GET", "/v2/health/ready"),
            judge,
            what=f"{self.what} at {host}:{port}",
            expected="reachable",
            timeout_s=timeout_s,
            poll_s=POLL_S,
            error=ServingError,
        ).seconds

    def predict(self, instances: list[dict[str, Any]]) -> Answer:
        """A request of protocol V1, once it is ready."""
        assert self._seen.service is not None
        return predict(*form.address(self._seen.service), self._model, instances)

    def described(self) -> dict[str, Any]:
        return form.described(self._seen, self.uri)

    def _look(self, cluster: Cluster) -> form.Seen:
        service = cluster.find(INFERENCE_SERVICES, self.namespace, self.name)
        pods = self.pods(cluster)
        # Without a pod only the events of what should make it say why there is none: a quota, a policy.
        events = [] if pods else cluster.select(EVENTS, self.namespace, fields="type=Warning")
        return form.Seen(service, pods, form.warnings(events, self.name))

    def pods(self, cluster: Cluster | None = None) -> list[Object]:
        """Its pods; `cluster` where that is to be asked otherwise than with retries."""
        return (cluster or self.cluster).select(PODS, self.namespace, labels=pod_labels(self.name))

    def _last_line(self) -> str:
        try:
            silent = speaker(self.pods(self.cluster), self.uri)
            lines = self.cluster.log(self.namespace, *silent) if silent else []
        except ClusterError as fault:
            return f"its log cannot be read: {fault}"
        last = next((line.strip() for line in reversed(lines) if line.strip()), "nothing")
        return f"container {silent[1]} last said: {last[:400]}" if silent else ""
