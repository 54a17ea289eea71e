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

# Of what waits: requests, and bytes of their bodies.
MOST_WAITING = 1000
MOST_WAITING_BYTES = 32 * 2**20
FLUSH_S = 5.0


class RequestLog:
    """Takes events without ever waiting: what does not fit into its queue is counted as dropped."""

    def __init__(self, sink: Sink, about: events.About, *, fraction: float, metrics: Metrics) -> None:
        """Start the thread that writes.

        Args:
            fraction: of the requests, 0 to 1, chosen by their identity.
        """
        self._sink, self._about, self._fraction, self._metrics = sink, about, fraction, metrics
        self._queue: queue.Queue[tuple[tuple[events.Event, ...], int] | None] = queue.Queue(MOST_WAITING)
        self._waiting_bytes = 0
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._work, name="request log", daemon=True)
        self._thread.start()

    def offer(
        self, identity: str, asked: dict[str, Any], answered: dict[str, Any] | None, size: int, seconds: float
    ) -> None:
        """Log a request, and its answer where it has predictions, if it belongs to the sample; for one thread.

        Args:
            identity: of the request; empty where it brought none.
            size: bytes of its body.
            seconds: from its head to its answer.
        """
        identity = identity or str(uuid.uuid4())
        if not events.is_sampled(identity, self._fraction):
            return
        made = events.pair(identity, time.time(), asked, answered, seconds, self._about)
        with self._lock:
            fits = self._waiting_bytes + size <= MOST_WAITING_BYTES and not self._queue.full()
            self._waiting_bytes += size if fits else 0
        if fits:
            self._queue.put_nowait((made, size))
        else:
            self._metrics.dropped(len(made))

    def close(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Write what has queued, for at most FLUSH_S seconds."""
        deadline = clock() + FLUSH_S
        with suppress(queue.Full):
            self._queue.put(None, timeout=FLUSH_S)
        self._thread.join(max(0.0, deadline - clock()))

    def _work(self) -> None:
        while (taken := self._queue.get()) is not None:
            made, size = taken
            for event in made:
                try:
                    self._sink.write(event)
                except OSError:
                    self._metrics.dropped(1)
                else:
                    self._metrics.logged(1)
            with self._lock:
                self._waiting_bytes -= size
        self._sink.close()
