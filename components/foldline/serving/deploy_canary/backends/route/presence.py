"""Whether an arm had a ready server all the time between two looks. Pure but for the fetch."""

import math
import time
from collections.abc import Callable

from foldline.cluster import Object
from foldline.serving.deploy_canary.backends.pods import ready_since


class Presence:
    """The pods of one arm, looked at again and again.

    An outage that begins and ends between two looks leaves no trace in the endpoints, but it does in the pods: none is
    the same and has been ready since the same moment.

    Args:
        pods: the arm's pods as they are now.
    """

    def __init__(self, pods: Callable[[], list[Object]], *, clock: Callable[[], float] = time.time) -> None:
        self._pods, self._clock = pods, clock
        self._before: set[tuple[str, str]] | None = None
        self._gone_at = -math.inf

    def lasted(self, until: float, *, reached: bool) -> bool:
        """Whether counters of this age tell of a time in which a server was ready, now or at the look before.

        Args:
            until: when they were counted, seconds since 1970. What happened before a look may be in counters of a
                later one.
            reached: whether requests to the arm reach somebody now.
        """
        now = ready_since(self._pods())
        if not reached or not now or (self._before is not None and not now & self._before):
            self._gone_at = self._clock()
        self._before = now
        return until > self._gone_at
