"""Readings of a rollout from Prometheus."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from foldline.errors import ServingError
from foldline.serving.deploy_canary.metrics import arms
from foldline.serving.deploy_canary.metrics.profiles import Profile
from foldline.serving.deploy_canary.metrics.prometheus import Prometheus
from foldline.serving.deploy_canary.reading import ArmReading, Reading


@dataclass(frozen=True)
class Arm:
    """An arm to read: the values of the profile's label that are its, and what it serves."""

    names: Sequence[str]
    identity: str


class Counters:
    """Counters of one rollout, read again and again.

    What the router could hand to nobody is told for all that it routes. It counts here only while this rollout's own
    route was seen impaired, or where the router has no other route.
    """

    def __init__(self, prometheus: Prometheus, profile: Profile, *, clock: Callable[[], float] = time.time) -> None:
        self._prometheus, self._profile, self._clock = prometheus, profile, clock
        self._starts: dict[str, float] = {}
        self._unserved, self._router_total = 0, -1
        self._impaired = False

    def read(self, champion: Arm | None, challenger: Arm | None, *, since: float, impaired: bool) -> Reading:
        """The counters of both arms; what cannot be read is None, with the reason in words.

        Args:
            since: samples from before (seconds since 1970) belong to an earlier route.
            impaired: whether requests that the router hands to nobody may be this rollout's.
        """
        wanted = {"champion": champion, "challenger": challenger}
        names = [name for one in wanted.values() if one for name in one.names]
        if not names:
            return Reading(self._clock(), None, None, problem="the route has no arm")
        try:
            # In this order: series that a process has at a later scrape only must not make the arms' look gone.
            processes = self._prometheus.newest(arms.process_selector(self._profile))
            found = self._prometheus.newest(arms.selector(self._profile, names))
            samples = arms.current(found, processes)
        except (ServingError, arms.MissingError) as fault:
            return Reading(self._clock(), None, None, problem=str(fault))
        if any(series.at < since for series in samples):
            return Reading(self._clock(), None, None, problem="no sample since the route changed")
        self._starts = arms.started(processes, self._profile, self._starts)
        told: dict[str, ArmReading | None] = {}
        problems = []
        for role, one in wanted.items():
            try:
                told[role] = (
                    arms.arm(samples, self._profile, one.names, one.identity, self._starts) if one is not None else None
                )
            except arms.MissingError as fault:
                told[role] = None
                problems.append(f"{role}: {fault}")
        return Reading(
            max(series.at for series in samples),
            told["champion"],
            told["challenger"],
            unserved=self._add_unserved(arms.unserved(samples, processes, self._profile), impaired),
            problem="; ".join(problems),
        )

    def _add_unserved(self, total: int | None, impaired: bool) -> int | None:
        if total is None:
            return None
        # Counters of a router that was started again begin at zero.
        more = total - self._router_total if total >= self._router_total >= 0 else total
        if self._router_total >= 0 and (impaired or self._impaired):
            self._unserved += more
        self._router_total, self._impaired = total, impaired
        return self._unserved
