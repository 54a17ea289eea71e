"""A rollout of one model behind its HTTPRoute: each call finds what is there and goes on."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from foldline.cluster import INFERENCE_SERVICES, Cluster
from foldline.errors import FoldlineError, ServingError
from foldline.serving.deploy_canary.backends.backend import Address
from foldline.serving.deploy_canary.backends.kserve_server import KServeServer
from foldline.serving.deploy_canary.backends.route import form, settings
from foldline.serving.deploy_canary.backends.route.counting import Counting
from foldline.serving.deploy_canary.backends.route.form import Shares, alone
from foldline.serving.deploy_canary.backends.route.router import Router
from foldline.serving.deploy_canary.backends.route.users import RouteServer
from foldline.serving.deploy_canary.metrics.counters import Counters
from foldline.serving.reading import Reading


@dataclass(frozen=True)
class Revision:
    """A version of the model and its address (s3://…)."""

    version: str
    uri: str


class RouteSplit:
    """Two InferenceServices, each named for the model and the version it serves, behind the model's HTTPRoute.

    The HTTPRoute tells which one is the champion: the first of its backendRefs. Users ask its host, whose name stays.

    Args:
        cluster: its Role is `foldline-kserve`; the one of `router` is `foldline-rollouts`.
        champion: None where none serves yet.
        inference_service: settings of `spec.predictor` for both arms alike (replicas, autoscaling, resources).
        counters: None where nothing counts, so that there is no evidence.
        timeout_s: seconds for each wait.
    """

    def __init__(
        self,
        cluster: Cluster,
        router: Router,
        model_name: str,
        *,
        champion: Revision | None,
        challenger: Revision,
        counters: Counters | None,
        inference_service: dict[str, Any],
        timeout_s: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._cluster, self._router, self._model_name = cluster, router, model_name
        self._settings = settings.check(inference_service, model_name)
        self._timeout_s, self._clock = timeout_s, clock
        self._challenger = self._server(challenger)
        self._champion = self._server(champion) if champion else None
        self._counting = Counting(router, counters, self._champion, self._challenger, clock)

    def start(self) -> KServeServer:
        """As the protocol says; without a route, one is made for the champion first.

        Raises:
            ServingError: the route serves something else than champion and challenger.
        """
        shares = self._router.shares()
        self._check_known(shares)
        if self._champion is not None:
            self._serve(self._champion)
            if shares is None:
                self._champion.wait_ready(self._timeout_s)
                shares = self._put(alone(self._champion.name))
        ending = not self._challenger.stays()
        if ending and shares is not None and self._champion and self._champion.name in shares.names:
            # Somebody deleted it while it had requests: they must not wait for its return.
            self._put(alone(self._champion.name))
        self._serve(self._challenger)
        return self._challenger

    def shift(self, percent: float) -> None:
        champion, challenger = self._both()
        shares = self._router.shares()
        if shares is None:
            raise self._router.missing()
        self._router.wait_endpoints(challenger.name, self._timeout_s)
        wanted = form.split(champion.name, challenger.name, percent, mirror_percent=shares.mirror_percent)
        if challenger.name not in shares.names:
            # Its cluster must be in Envoy before it gets a share that anybody notices.
            self._put(form.split(champion.name, challenger.name, 0.0, mirror_percent=shares.mirror_percent))
        self._put(wanted)

    def mirror(self, percent: float) -> None:
        champion, challenger = self._both()
        shares = self._router.shares() or alone(champion.name)
        self._router.wait_endpoints(challenger.name, self._timeout_s)
        self._put(replace(shares, mirror=challenger.name if percent else "", mirror_percent=percent))

    def percent(self) -> float | None:
        """As the protocol says.

        Raises:
            ServingError: somebody deleted the InferenceService of an arm; the way back makes the champion's again.
        """
        shares = self._router.shares()
        for server in filter(None, (self._champion, self._challenger)):
            if shares and server.name in shares.names and not server.stays():
                raise ServingError(server.what, expected="to be there while it has requests", got="deleted meanwhile")
        return shares.percent(self._challenger.name) if shares else None

    def read(self) -> Reading:
        try:
            return self._counting.read()
        except FoldlineError as fault:
            return Reading(self._clock(), None, None, problem=str(fault))

    def servers(self) -> tuple[list[Address], list[Address]]:
        shares = self._router.shares()
        behind = self._router.behind(shares) if shares else {}
        champion, challenger = (
            behind[server.name].addresses if server and server.name in behind else []
            for server in (self._champion, self._challenger)
        )
        return champion, challenger

    def promote(self) -> RouteServer:
        name = self._challenger.name
        self._router.wait_endpoints(name, self._timeout_s)
        shares = self._router.shares()
        if self._champion is not None and shares is not None and shares.names != (name,):
            if name not in shares.names:
                self._put(form.split(self._champion.name, name, 0.0))
            self._put(form.split(self._champion.name, name, 100.0))
            # The router's cluster that goes must not be the one with the requests: it goes before the route does.
            self._put(form.split(name, self._champion.name, 0.0))
        self._put(alone(name))
        return RouteServer(self._router.gateway, self._router.hostname, self._model_name, name)

    def revert(self) -> None:
        """As the protocol says; where there was no champion, the route goes too.

        Raises:
            ServingError: the champion cannot take the requests; the challenger then still serves.
        """
        if self._champion is None:
            self._router.remove(self._timeout_s)
        else:
            self._serve(self._champion)
            self._router.wait_endpoints(self._champion.name, self._timeout_s)
            shares = self._router.shares()
            if shares is not None and {*shares.names} == {self._champion.name, self._challenger.name}:
                # What is wrong with the challenger must not keep the route from being changed.
                self._router.put(form.split(self._champion.name, self._challenger.name, 0.0))
                self._router.seen(form.split(self._champion.name, self._challenger.name, 0.0), 5.0)
            self._put(alone(self._champion.name), undo=False)
        self._remove(self._challenger)

    def settle(self) -> None:
        if self._champion is None:
            return
        shares = self._router.shares()
        if shares is None or self._champion.name in shares.reached:
            raise ServingError(
                self._router.what,
                expected=f"all requests to {self._challenger.name}",
                got=str(shares) if shares else "no such route",
                fix=f"Somebody changed it; {self._champion.name} is kept.",
            )
        self._remove(self._champion)

    def _put(self, shares: Shares, *, undo: bool = True) -> Shares:
        """Let the route be so and wait until the gateway does it; else it is put back as it was."""
        before = self._router.put(shares)
        try:
            self._router.confirm(shares, self._timeout_s)
        except FoldlineError as fault:
            if undo and before is not None and before != shares:
                try:
                    self._router.put(before)
                except FoldlineError as second:
                    fault.add_note(str(second))
            raise
        return shares

    def _serve(self, server: KServeServer) -> None:
        """Let the InferenceService be there with the settings of both arms."""
        wanted = settings.build(server.name, server.namespace, server.uri, self._model_name, self._settings)
        if not server.stays():
            server.wait_gone(self._timeout_s)
            server.make(wanted)
        else:
            self._cluster.edit(
                INFERENCE_SERVICES, server.namespace, server.name, lambda found: settings.difference(found, wanted)
            )

    def _remove(self, server: KServeServer) -> None:
        # Its pods end the requests that they have: the runtime's --drain-s and its grace period.
        server.remove()
        server.wait_gone(self._timeout_s)

    def _server(self, revision: Revision) -> KServeServer:
        name = f"{self._model_name}-{revision.version}"
        return KServeServer(self._cluster, self._router.namespace, name, revision.uri, model=self._model_name)

    def _both(self) -> tuple[KServeServer, KServeServer]:
        if self._champion is None:
            raise ServingError(
                f"rollout of model {self._model_name}", expected="a champion to share requests with", got="none"
            )
        return self._champion, self._challenger

    def _check_known(self, shares: Shares | None) -> None:
        known = {server.name for server in (self._champion, self._challenger) if server}
        if shares is not None and not shares.reached <= known:
            raise ServingError(
                self._router.what,
                expected=f"requests to {' and '.join(sorted(known))} only",
                got=str(shares),
                fix="The alias of the store and the route disagree about the champion: move the alias to the version "
                "that serves, or remove the HTTPRoute, which is then made for the alias.",
            )
