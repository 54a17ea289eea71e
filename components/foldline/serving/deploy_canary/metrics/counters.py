"""Readings of a rollout: requests from Prometheus, outputs from the model servers themselves."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from foldline.errors import ServingError
from foldline.serving.deploy_canary.metrics import arms
from foldline.serving.deploy_canary.metrics.accumulated import Accumulated
from foldline.serving.deploy_canary.metrics.profiles import Profile
from foldline.serving.deploy_canary.metrics.prometheus import Prometheus, Series
from foldline.serving.reading import ArmReading, Reading
from foldline.serving.site.counters import INVALID, PREDICTIONS, Sample, histogram, total

STARTED = "process_start_time_seconds"


@dataclass(frozen=True)
class Arm:
    """An arm to read.

    Attributes:
        names: the values of the profile's label that are its.
        identity: what it serves.
        outputs: series of its servers, each with the label `instance`; empty where they were not all read.
        problem: why they were not.
    """

    names: Sequence[str]
    identity: str
    outputs: Sequence[Series] = field(default=())
    problem: str = ""


class Counters:
    """Counters of one rollout, read again and again; they count from the first look on and never fall.

    What the router could hand to nobody is told for all that it routes. It counts here only while this rollout's own
    route was seen impaired, or where the router has no other route.
    """

    def __init__(self, prometheus: Prometheus, profile: Profile, *, clock: Callable[[], float] = time.time) -> None:
        self._prometheus, self._profile, self._clock = prometheus, profile, clock
        self._starts: dict[str, float] = {}
        self._requests, self._outputs = Accumulated(), Accumulated()
        self._told: dict[str, ArmReading] = {}
        self._epoch = f"since {clock():.3f}"
        self._unserved, self._router_total = 0, -1
        self._impaired = False

    def read(self, champion: Arm | None, challenger: Arm | None, *, since: float, impaired: bool) -> Reading:
        """The counters of both arms; what cannot be read is None, with the reason in words.

        Args:
            since: samples from before (seconds since 1970) belong to an earlier route.
            impaired: whether requests that the router hands to nobody may be this rollout's.
        """
        wanted = {role: one for role, one in (("champion", champion), ("challenger", challenger)) if one is not None}
        names = [name for one in wanted.values() for name in one.names]
        if not names:
            return Reading(self._clock(), None, None, problem="the route has no arm")
        try:
            # In this order: series that a process has at a later scrape only must not make the arms' look gone.
            processes = self._prometheus.newest(arms.process_selector(self._profile))
            found = self._prometheus.newest(arms.selector(self._profile, names, processes))
            samples = arms.current(arms.named(found, processes, self._profile), processes)
        except (ServingError, arms.MissingError) as fault:
            return Reading(self._clock(), None, None, problem=str(fault))
        if any(series.at < since for series in samples):
            return Reading(self._clock(), None, None, problem="no sample since the route changed")
        self._starts = arms.started(processes, self._profile, self._starts)
        there: dict[str, list[Series]] = {}
        problems = []
        for role, one in wanted.items():
            try:
                own = arms.own(samples, self._profile, one.names)
                # Bins that are nonsense once must not stand beside the right ones for ever.
                arms.latency(own, self._profile)
                there[role] = own
            except arms.MissingError as fault:
                problems.append(f"{role}: {fault}")
        pairs = [(wanted[role].identity, series) for role, own in there.items() for series in own]
        self._requests.take(pairs, self._starts, since)
        self._take_outputs([wanted[role] for role in there])
        told: dict[str, ArmReading] = {}
        for role in there:
            try:
                told[role] = self._arm(wanted[role])
            except arms.MissingError as fault:
                problems.append(f"{role}: {fault}")
        return Reading(
            max(series.at for series in samples),
            told.get("champion"),
            told.get("challenger"),
            unserved=self._add_unserved(arms.unserved(samples, processes, self._profile), impaired),
            problem="; ".join(problems + [f"{role}: {one.problem}" for role, one in wanted.items() if one.problem]),
        )

    def _arm(self, wanted: Arm) -> ArmReading:
        epoch = f"{wanted.identity} {self._epoch}"
        reading = arms.arm(self._requests.of(wanted.identity), self._profile, epoch)
        if wanted.outputs:
            outputs = [Sample(one.name, one.labels, one.value) for one in self._outputs.of(wanted.identity)]
            reading = replace(reading, predictions=histogram(outputs, PREDICTIONS), invalid=total(outputs, INVALID))
        before = self._told.get(wanted.identity)
        if before is not None and before.invalid is not None and reading.invalid is not None:
            # The servers were read later than the router was scraped: no more than its requests, the rest next time.
            most = before.invalid + reading.requests - before.requests
            reading = replace(reading, invalid=min(reading.invalid, most))
        self._told[wanted.identity] = reading
        return reading

    def _take_outputs(self, wanted: Sequence[Arm]) -> None:
        read = [(one.identity, series) for one in wanted for series in one.outputs]
        starts = {series.labels["instance"]: series.value for _, series in read if series.name == STARTED}
        counted = [(identity, series) for identity, series in read if series.name.startswith((INVALID, PREDICTIONS))]
        self._outputs.take(counted, starts, 0.0)

    def _add_unserved(self, total: int | None, impaired: bool) -> int | None:
        if total is None:
            return None
        # Counters of a router that was started again begin at zero.
        more = total - self._router_total if total >= self._router_total >= 0 else total
        if self._router_total >= 0 and (impaired or self._impaired):
            self._unserved += more
        self._router_total, self._impaired = total, impaired
        return self._unserved
