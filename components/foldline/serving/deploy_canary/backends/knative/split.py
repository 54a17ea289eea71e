"""A rollout of one model within its InferenceService in Knative mode: each call finds what is there and goes on."""

import time
from collections.abc import Callable
from typing import Any

from foldline.errors import FoldlineError, ServingError
from foldline.serving.deploy_canary.backends.backend import Address
from foldline.serving.deploy_canary.backends.knative import form
from foldline.serving.deploy_canary.backends.knative.champion import Champion
from foldline.serving.deploy_canary.backends.knative.counting import RevisionCounters
from foldline.serving.deploy_canary.backends.knative.form import Seen
from foldline.serving.deploy_canary.backends.knative.memory import Memory
from foldline.serving.deploy_canary.backends.knative.servers import RevisionServer, UserServer, addresses
from foldline.serving.deploy_canary.backends.knative.service import Service
from foldline.serving.deploy_canary.backends.route import outputs
from foldline.serving.deploy_canary.backends.route.split import Revision as Version
from foldline.serving.deploy_canary.metrics.counters import Arm
from foldline.serving.reading import Reading


class KnativeSplit:
    """The InferenceService of the model: champion and challenger are revisions of it.

    KServe gives the newest revision the share that is asked for, and the rest to the one that it noted as rolled out.
    So the champion's revision must be that one before a challenger comes, and its name is remembered.

    Args:
        champion: None where none serves yet.
        settings: of `spec.predictor`, for both arms alike.
        counters: None where nothing counts, so that there is no evidence.
        timeout_s: seconds for each wait.
    """

    def __init__(
        self,
        service: Service,
        memory: Memory,
        *,
        champion: Version | None,
        challenger: Version,
        counters: RevisionCounters | None,
        settings: dict[str, Any],
        timeout_s: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._service, self._counters, self._challenger = service, counters, challenger
        self._settings, self._timeout_s, self._clock = settings, timeout_s, clock
        self._champion = Champion(service, memory, champion.uri, settings, timeout_s) if champion else None
        self._server = RevisionServer(service, challenger.uri)
        self._stable = ""

    def start(self) -> RevisionServer:
        """As the protocol says; the first model of all gets the requests as soon as it is ready.

        Raises:
            ServingError: the InferenceService serves something else than champion and challenger.
        """
        now, uri = self._service.seen(), self._challenger.uri
        known = (uri, self._champion.uri) if self._champion else (uri,)
        if now is not None and now.uri not in known:
            raise ServingError(
                self._service.what,
                expected=f"one that serves {' or '.join(known)}",
                got=f"pointed at {now.uri or 'no model'}",
                fix="The alias of the store and the InferenceService disagree about the champion: move the alias to "
                "the version that serves, or remove the InferenceService, which is then made for the alias.",
            )
        if self._champion is None:
            if now is None:
                self._service.create(uri, self._settings, self._timeout_s)
        elif now is not None and now.uri == uri:
            self._stable = self._champion.revision(now)
        else:
            self._stable = self._champion.alone()
            self._service.ask(uri, 0, only=self._only(self._champion.uri, uri))
            self._service.wait_made(lambda made: made.uri == uri, f"revisions for {uri}", self._timeout_s)
            self._service.confirm({self._stable: 100}, self._timeout_s, known=[self._stable])
        return self._server

    def shift(self, percent: float) -> None:
        """As the protocol says.

        Raises:
            ServingError: also where the two revisions are scaled differently, or the rest would go to a third one.
        """
        self._server.wait_ready(self._timeout_s)
        revision, uri, share = self._server.revision, self._challenger.uri, int(percent)
        self._check_scaling(revision)
        before = self._service.seen()
        self._service.ask(uri, share, only=self._only(uri, rest=self._stable))
        wanted = {self._stable: 100 - share, revision: share}
        try:
            self._service.confirm(wanted, self._timeout_s, known=list(wanted))
        except FoldlineError as fault:
            if before is not None and before.percent is not None:
                try:
                    self._service.ask(uri, before.percent, only=self._only(uri))
                except FoldlineError as second:
                    fault.add_note(str(second))
            raise

    def mirror(self, percent: float) -> None:
        raise ServingError(
            self._service.what, expected="no copies of requests, which Knative cannot make", got=f"{percent:g} %"
        )

    def percent(self) -> float | None:
        """As the protocol says.

        Raises:
            ServingError: somebody gave requests to another revision, pointed the InferenceService elsewhere, or deleted
                it; the way back makes the champion's again.
        """
        now, route = self._service.seen(), self._service.route()
        if now is None:
            raise self._foreign("it is there while it has requests", "deleted meanwhile")
        if route is None:
            return None
        self._only(self._challenger.uri)(now)
        known = [name for name in (self._stable, self._server.revision) if name]
        strangers = form.reached(route).keys() - set(known)
        if strangers:
            raise self._foreign(f"requests go to {' and '.join(known)} only", f"some go to {', '.join(strangers)}")
        # A revision without a share enters the route a moment after it is ready.
        share = form.shares(route).get(self._server.revision, now.percent and None)
        return None if share is None else float(share)

    def read(self) -> Reading:
        try:
            return self._read()
        except FoldlineError as fault:
            return Reading(self._clock(), None, None, problem=str(fault))

    def servers(self) -> tuple[list[Address], list[Address]]:
        """None: their answers to copies would be compared, and no request is copied."""
        return [], []

    def promote(self) -> UserServer:
        """As the protocol says; Knative ends the champion's pods after a while, and starts them where it comes back.

        Raises:
            ServingError: the challenger's newest revision is not ready, or the requests do not go to it.
        """
        uri = self._challenger.uri
        self._server.wait_ready(self._timeout_s)
        self._service.ask(uri, None, only=self._only(uri))
        self._service.confirm({self._server.revision: 100}, self._timeout_s)
        self._service.wait_rolled_out(self._server.revision, self._timeout_s)
        return UserServer(self._service, self._challenger.version, self._server.revision)

    def revert(self) -> None:
        """As the protocol says; where there was no champion, the InferenceService goes too.

        First the requests leave the challenger, then the champion's model is asked for and waited for, then it gets
        all of them.

        Raises:
            ServingError: the champion cannot take the requests.
        """
        if self._champion is None:
            self._service.remove(self._timeout_s)
            return
        self._champion.take_back(self._challenger.uri)
        self._champion.alone()

    def settle(self) -> None:
        """As the protocol says: nothing is removed, Knative collects revisions that nobody asks.

        Raises:
            ServingError: somebody gave requests to another model than the challenger.
        """
        route = self._service.route()
        reached = form.reached(route) if route else {}
        models = {self._service.model(name) for name in reached}
        if models != {self._challenger.uri}:
            raise self._foreign(f"all requests go to {self._challenger.uri}", ", ".join(sorted(models)) or "nobody")

    def _read(self) -> Reading:
        if self._counters is None:
            return Reading(self._clock(), None, None, problem="no Prometheus is given: nothing counts the requests")
        route = self._service.route()
        if route is None:
            return Reading(self._clock(), None, None, problem=f"{self._service.what} has no route")
        reached = form.reached(route)
        newest = self._server.revision or self._service.made().newest
        arms = [self._arm(name) if name in reached else None for name in (self._stable, newest)]
        return self._counters.read(*arms)

    def _arm(self, revision: str) -> Arm:
        return Arm([revision], revision, *outputs.of(addresses(self._service.pods(revision))))

    def _only(self, *uris: str, rest: str = "") -> Callable[[Seen], None]:
        """What refuses to change an InferenceService for another model, or one whose rest would go elsewhere."""

        def check(now: Seen) -> None:
            if now.uri not in uris:
                raise self._foreign(f"it serves {' or '.join(uris)}", f"pointed at {now.uri or 'no model'}")
            left = now.rest(self._server.revision)
            if rest and left != rest:
                raise self._foreign(f"the rest of the requests goes to {rest}", f"KServe would give it to {left}")

        return check

    def _check_scaling(self, challenger: str) -> None:
        found = [self._service.revision(name) for name in (self._stable, challenger)]
        scaled = [form.scaling(one) for one in found if one is not None]
        if len(scaled) == 2 and scaled[0] != scaled[1]:
            raise self._foreign(f"both arms are scaled as {scaled[0]}", f"the challenger's revision is as {scaled[1]}")

    def _foreign(self, expected: str, got: str) -> ServingError:
        return ServingError(
            self._service.what, expected=expected, got=got, fix="Somebody changed it while it was rolled out."
        )
