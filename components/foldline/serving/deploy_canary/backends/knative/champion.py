"""The champion of a rollout within one InferenceService: the revision that gets what the challenger's share leaves."""

from typing import Any

from foldline.errors import ServingError
from foldline.serving.deploy_canary.backends.knative.form import Made, Seen
from foldline.serving.deploy_canary.backends.knative.memory import Memory
from foldline.serving.deploy_canary.backends.knative.servers import RevisionServer
from foldline.serving.deploy_canary.backends.knative.service import Service

# How long requests may take to leave a challenger before the champion's model is asked for anew all the same.
LEAVE_S = 60.0
# Settings that change no revision are not seen to have come.
SETTINGS_S = 30.0


class Champion:
    """The model at `uri` as the one that users get.

    Args:
        settings: of `spec.predictor`.
        timeout_s: seconds for each wait.
    """

    def __init__(self, service: Service, memory: Memory, uri: str, settings: dict[str, Any], timeout_s: float) -> None:
        self._service, self._memory, self.uri = service, memory, uri
        self._settings, self._timeout_s = settings, timeout_s

    def alone(self) -> str:
        """Let it have all requests, made where it is not there; the name of its revision, which is remembered.

        The share of another model stays until the champion's revision is ready: without one, KServe would give that
        model all requests in the meantime.

        Raises:
            ServingError: it cannot take the requests.
        """
        now = self._service.seen()
        if now is None:
            self._service.create(self.uri, self._settings, self._timeout_s)
        elif now.uri != self.uri:
            self._service.ask(self.uri, now.percent, only=lambda _: None)
        server = RevisionServer(self._service, self.uri)
        server.wait_ready(self._timeout_s)
        self._service.ask(self.uri, None, only=self._unchanged)
        if self._service.give(self.uri, self._settings):
            self._wait_new(server.revision)
            server.wait_ready(self._timeout_s)
        self._service.confirm({server.revision: 100}, self._timeout_s)
        self._service.wait_rolled_out(server.revision, self._timeout_s)
        self._memory.save(server.revision)
        return server.revision

    def take_back(self, other: str) -> None:
        """Take the requests from the model at `other`, as far as KServe would give them to the champion's revision."""
        now = self._service.seen()
        if now is None or now.uri != other:
            return
        try:
            # Where KServe has not seen the other model yet, its revision may still come.
            self._service.wait_made(lambda made: made.uri == other and bool(made.newest), f"one for {other}", LEAVE_S)
            now = self._service.seen() or now
            rest = now.rest(self._service.made().newest)
            if self._service.model(rest) == self.uri:
                self._service.ask(other, 0, only=lambda _: None)
                self._service.confirm({rest: 100}, LEAVE_S)
        except ServingError:
            # The champion's model comes as a new revision in any case.
            return

    def revision(self, now: Seen) -> str:
        """Its revision where another model is asked for already.

        Raises:
            ServingError: there is none any more.
        """
        for name in (self._memory.load(), now.rolled_out, now.previous):
            if name and self._service.model(name) == self.uri:
                return name
        noted = (
            f"latestRolledoutRevision {now.rolled_out or 'none'}, previousRolledoutRevision {now.previous or 'none'}"
        )
        raise ServingError(
            self._service.what,
            expected=f"a revision of the champion {self.uri}",
            got=noted,
            fix="Its revision was removed: run it again, and the champion is made anew first.",
        )

    def _wait_new(self, revision: str) -> None:
        def is_new(made: Made) -> bool:
            return bool(made.newest) and made.newest != revision

        try:
            self._service.wait_made(is_new, "a revision with the settings", min(SETTINGS_S, self._timeout_s))
        except ServingError:
            return

    def _unchanged(self, now: Seen) -> None:
        if now.uri != self.uri:
            raise ServingError(
                self._service.what,
                expected=f"it serves {self.uri}",
                got=f"pointed at {now.uri or 'no model'}",
                fix="Somebody changed it while it was rolled out.",
            )
