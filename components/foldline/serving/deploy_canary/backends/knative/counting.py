"""Counters of revisions from Prometheus, by the names that this cluster's Knative gives them."""

import re
import time
from collections.abc import Callable

from foldline.errors import ServingError
from foldline.serving.deploy_canary.metrics.counters import Arm, Counters
from foldline.serving.deploy_canary.metrics.profiles import KNATIVE, KNATIVE_BEFORE_1_19, Profile
from foldline.serving.deploy_canary.metrics.prometheus import Prometheus
from foldline.serving.reading import Reading

NOTHING = (
    "Prometheus has no counters of Knative's queue proxy for these revisions: let config-observability of Knative "
    "Serving have request-metrics-protocol: prometheus, and Prometheus scrape port 9091 of the pods"
)


class RevisionCounters:
    """Counters of one rollout, by the names of its revisions; how Prometheus calls them is found out at the first."""

    def __init__(self, prometheus: Prometheus, *, clock: Callable[[], float] = time.time) -> None:
        self._prometheus, self._clock = prometheus, clock
        self._counters: Counters | None = None

    def read(self, champion: Arm | None, challenger: Arm | None) -> Reading:
        """The counters of both arms; what cannot be read is None, with the reason in words."""
        names = [name for one in (champion, challenger) if one is not None for name in one.names]
        try:
            found = None if self._counters or not names else self._profile(names)
        except ServingError as fault:
            return Reading(self._clock(), None, None, problem=str(fault))
        if found is not None:
            self._counters = Counters(self._prometheus, found, clock=self._clock)
        if self._counters is None:
            return Reading(self._clock(), None, None, problem=NOTHING if names else "the route has no arm")
        # The names of revisions are never given again, so that none of the samples is an earlier model's.
        return self._counters.read(champion, challenger, since=0.0, impaired=False)

    def _profile(self, revisions: list[str]) -> Profile | None:
        chosen = "|".join(re.escape(name) for name in revisions).replace("\\", "\\\\")
        for profile in (KNATIVE, KNATIVE_BEFORE_1_19):
            series = profile.named_by or profile.requests
            if self._prometheus.newest(f'{series}{{{profile.arm}=~"{chosen}"}}').series:
                return profile
        return None
