"""What is counted of both arms of a route."""

from collections.abc import Callable
from dataclasses import replace

from foldline.serving.deploy_canary.backends.kserve_server import KServeServer
from foldline.serving.deploy_canary.backends.route import form, outputs
from foldline.serving.deploy_canary.backends.route.endpoints import Behind
from foldline.serving.deploy_canary.backends.route.form import Shares
from foldline.serving.deploy_canary.backends.route.presence import Presence
from foldline.serving.deploy_canary.backends.route.router import Router
from foldline.serving.deploy_canary.metrics.counters import Arm, Counters
from foldline.serving.reading import Reading


class Counting:
    """Readings of one rollout.

    Args:
        counters: None where nothing counts, so that there is no evidence.
        champion: None where none serves yet.
    """

    def __init__(
        self,
        router: Router,
        counters: Counters | None,
        champion: KServeServer | None,
        challenger: KServeServer,
        clock: Callable[[], float],
    ) -> None:
        self._router, self._counters, self._clock = router, counters, clock
        self._champion, self._challenger = champion, challenger
        self._presence = Presence(champion.pods if champion else list, clock=clock)
        self._was_out = False

    def read(self) -> Reading:
        """The counters now.

        Raises:
            ServingError, ClusterError: the route, what is behind it, or the champion's pods cannot be read.
        """
        if self._counters is None:
            return Reading(self._clock(), None, None, problem="no Prometheus is given: nothing counts the requests")
        route = self._router.find()
        if route is None:
            return Reading(self._clock(), None, None, problem=f"{self._router.what} is gone")
        if not form.counts_apart(route):
            problem = f"{self._router.what} has a backendRef without a filter: both arms share their counters"
            return Reading(self._clock(), None, None, problem=problem)
        shares, since = form.shares_of(route), form.since_of(route)
        behind = self._router.behind(shares)
        trouble = self._router.trouble(route, behind)
        reading = self._counters.read(
            self._arm(shares, self._champion, behind),
            self._arm(shares, self._challenger, behind),
            since=since,
            impaired=bool(trouble) or self._router.is_alone(),
        )
        champion = behind.get(self._champion.name) if self._champion else None
        if champion and not self._presence.lasted(reading.at, reached=bool(champion.addresses)):
            self._was_out = True
        problem = "; ".join(filter(None, [reading.problem, trouble]))
        reading = replace(reading, champion_was_out=self._was_out, problem=problem)
        # A reading without one of the arms ends no window: the next one still spans the outage.
        self._was_out = self._was_out and not (reading.champion and reading.challenger)
        return reading

    def _arm(self, shares: Shares, server: KServeServer | None, behind: dict[str, Behind]) -> Arm | None:
        if server is None or server.name not in shares.reached:
            return None
        return Arm(self._router.counted_as(shares, server.name), server.name, *outputs.read(behind[server.name]))
