"""A sample of the requests and answers, handed to a thread that writes them somewhere."""

import queue
import threading
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from foldline.serving.server import events
from foldline.serving.server.metrics import Metrics
from foldline.serving.server.sinks import Sink

MOST_WAITING = 1000
FLUSH_S = 5.0


class RequestLog:
    """Takes events without ever waiting: what does not fit into its queue is counted as dropped."""

    def __init__(self, sink: Sink, about: events.About, *, fraction: float, metrics: Metrics) -> None:
        """Start the thread that writes.

        Args:
            fraction: of the requests, 0 to 1, chosen by their identity.
        """
        self._sink, self._about, self._fraction, self._metrics = sink, about, fraction, metrics
        self._queue: queue.Queue[tuple[events.Event, ...] | None] = queue.Queue(MOST_WAITING)
        self._thread = threading.Thread(target=self._work, name="request log", daemon=True)
        self._thread.start()

    def offer(self, identity: str, asked: dict[str, Any], answered: dict[str, Any] | None) -> None:
        """Log a request, and its answer where it has predictions, if it belongs to the sample.

        Args:
            identity: of the request; empty where it brought none.
        """
        identity = identity or str(uuid.uuid4())
        if not events.is_sampled(identity, self._fraction):
            return
        made = events.pair(identity, time.time(), asked, answered, self._about)
        try:
            self._queue.put_nowait(made)
        except queue.Full:
            self._metrics.dropped(len(made))

    def close(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Write what has queued, for at most FLUSH_S seconds."""
        deadline = clock() + FLUSH_S
        with suppress(queue.Full):
            self._queue.put(None, timeout=FLUSH_S)
        self._thread.join(max(0.0, deadline - clock()))

    def _work(self) -> None:
        while (made := self._queue.get()) is not None:
            for event in made:
                try:
                    self._sink.write(event)
                except OSError:
                    self._metrics.dropped(1)
                else:
                    self._metrics.logged(1)
        self._sink.close()
