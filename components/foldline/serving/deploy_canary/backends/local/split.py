"""Champion and challenger in one site of this machine, the traffic between them split by its Envoy."""

import http.client
import time
from collections.abc import Callable
from typing import Any

from foldline.errors import ServingError
from foldline.serving.answer import Answer
from foldline.serving.deploy_canary.backends.backend import Address
from foldline.serving.reading import ArmReading, Reading
from foldline.serving.requests import metrics, predict
from foldline.serving.site import counters
from foldline.serving.site.counters import Sample
from foldline.serving.site.model_server import HOST, ModelServer, Program
from foldline.serving.site.site import Site
from foldline.serving.site.state import Arm, State

METRICS_S = 5.0


class LocalSplit:
    """The Split of a site.

    Args:
        site: from `foldline.serving.site.owning.serving`.
        challenger: what serves the challenger; see `foldline.serving.site.model_server.program`.
        timeout_s: seconds until its server must be ready.
    """

    def __init__(
        self, site: Site, challenger: Program, *, timeout_s: float, clock: Callable[[], float] = time.time
    ) -> None:
        self._site, self._challenger, self._timeout_s, self._clock = site, challenger, timeout_s, clock

    def start(self) -> ModelServer:
        return self._site.server(self._site.start_challenger(self._challenger))

    def shift(self, percent: float) -> None:
        if percent:
            self._ready()
        self._site.share(percent, self._site.state().mirror_percent)

    def mirror(self, percent: float) -> None:
        if percent:
            self._ready()
        self._site.share(self._site.state().percent, percent)

    def percent(self) -> float | None:
        state, found = self._site.state(), self._site.router().shares()
        champion, challenger = state.arm(state.champion), state.arm(state.challenger)
        if found is None:
            return None
        given = dict(found.arms)
        if challenger is not None and challenger.name in given:
            others = given.keys() - {challenger.name, champion.name if champion else ""}
            return None if others else 100.0 * given[challenger.name] / sum(given.values())
        if challenger is None and champion is not None and champion.version == self._challenger.version:
            return 100.0 if given.keys() == {champion.name} else None
        kept = given.keys() <= ({champion.name} if champion else set())
        return 0.0 if state.percent == 0 and kept else None

    def read(self) -> Reading:
        at = self._clock()
        try:
            state = self._site.state()
            samples = self._site.router().counts()
        except ServingError as fault:
            return Reading(at, None, None, problem=str(fault))
        problems: list[str] = []
        champion, challenger = (
            self._arm(state, samples, state.arm(name), problems) for name in (state.champion, state.challenger)
        )
        return Reading(
            at,
            champion,
            challenger,
            unserved=counters.total(samples, counters.UNSERVED),
            problem="; ".join(problems),
        )

    def servers(self) -> tuple[list[Address], list[Address]]:
        state = self._site.state()
        found = [state.arm(name) for name in (state.champion, state.challenger)]
        champion, challenger = ([self._site.server(arm)] if arm else [] for arm in found)
        return _addresses(champion), _addresses(challenger)

    def promote(self) -> "Served":
        if not self._is_champion():
            self._ready()
            self._site.share(100.0, 0.0)
        return Served(self._site)

    def revert(self) -> None:
        """As the protocol says.

        Raises:
            ServingError: the champion's server has ended; the challenger then still serves.
        """
        state = self._site.state()
        champion = state.arm(state.champion)
        if champion is not None and not self._site.server(champion).runs():
            raise self._site.server(champion).gone()
        self._site.remove_challenger()

    def settle(self) -> None:
        self._site.remove_champion()

    def _ready(self) -> None:
        """The challenger's server, started again where nobody has left one."""
        self.start().wait_ready(self._timeout_s)

    def _is_champion(self) -> bool:
        state = self._site.state()
        champion = state.arm(state.champion)
        return state.challenger is None and champion is not None and champion.version == self._challenger.version

    def _arm(self, state: State, router: list[Sample], arm: Arm | None, problems: list[str]) -> ArmReading | None:
        if arm is None:
            return None
        server = self._site.server(arm)
        measured: list[Sample] = []
        if server.runs():
            try:
                measured = counters.parse(metrics(HOST, server.port, METRICS_S) or "")
            except (OSError, http.client.HTTPException, ValueError) as fault:
                problems.append(f"the metrics of version {arm.version} cannot be read: {fault or type(fault).__name__}")
        else:
            problems.append(str(server.gone()))
        assert state.envoy is not None
        epoch = f"{state.envoy.epoch}/{arm.process.epoch}"
        return counters.arm_reading(router, measured, (arm.name, arm.mirror), epoch)


def _addresses(servers: list[ModelServer]) -> list[Address]:
    return [(HOST, server.port) for server in servers if server.runs()]


class Served:
    """What users ask: the site's own address."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def wait_ready(self, timeout_s: float) -> float:
        """The challenger's server answered before it got the traffic, so there is nothing to wait for."""
        self._site.address()
        return 0.0

    def predict(self, instances: list[dict[str, Any]]) -> Answer:
        """A request of protocol V1, by way of Envoy."""
        return predict(*self._site.address(), self._site.state().model_name, instances)

    def described(self) -> dict[str, Any]:
        host, port = self._site.address()
        return {"address": f"http://{host}:{port}", "site": str(self._site.folder)}
