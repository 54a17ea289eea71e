"""Rows sent as requests at a given rate: the traffic of a machine that has no users."""

import http.client
import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Self

from foldline.serving.requests import VERSION_HEADER

# As many requests can be under way; more than a few only where a server hangs.
THREADS = 16
TIMEOUT_S = 120.0
END_S = 5.0


class Replay:
    """A context in which threads send rows as requests of protocol V1, one a request, on connections that stay open.

    Args:
        host, port: of the server, or of what stands before it.
        rows: JSON records, sent in this order, round and round.
        per_s: requests a second at most; what a slow server held up is not made good.
        count: ends by itself after so many; None goes on until the end of the block.
    """

    def __init__(
        self,
        host: str,
        port: int,
        model_name: str,
        rows: Sequence[dict[str, Any]],
        per_s: float,
        *,
        count: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._host, self._port, self._path = host, port, f"/v1/models/{model_name}:predict"
        self._rows, self._gap_s, self._count, self._clock = rows, 1.0 / per_s, count, clock
        self._lock, self._stopped = threading.Lock(), threading.Event()
        self._sent, self._next = 0, clock()
        self._answers: Counter[tuple[int, str]] = Counter()
        self._connections: list[http.client.HTTPConnection] = []
        self._threads = [threading.Thread(target=self._send_all, daemon=True) for _ in range(THREADS)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Send nothing more; answers that are still awaited are given up."""
        self._stopped.set()
        for connection in self._connections:
            if isinstance(connection.sock, socket.socket):
                try:
                    connection.sock.shutdown(socket.SHUT_RDWR)
                except OSError:
                    # It is closed already.
                    continue
        self.wait(END_S)

    def answers(self) -> dict[tuple[int, str], int]:
        """Counts by status (0: no answer) and version (empty: none stated)."""
        with self._lock:
            return dict(self._answers)

    def wait(self, timeout_s: float) -> bool:
        """Wait until all is sent and answered; whether it is."""
        deadline = self._clock() + timeout_s
        for thread in self._threads:
            thread.join(max(0.0, deadline - self._clock()))
        return not any(thread.is_alive() for thread in self._threads)

    def _send_all(self) -> None:
        connection = http.client.HTTPConnection(self._host, self._port, timeout=TIMEOUT_S)
        with self._lock:
            self._connections.append(connection)
        while (turn := self._turn()) is not None:
            index, at = turn
            if self._stopped.wait(max(0.0, at - self._clock())):
                break
            answer = self._send(connection, self._rows[index % len(self._rows)])
            if not self._stopped.is_set():
                with self._lock:
                    self._answers[answer] += 1
        connection.close()

    def _turn(self) -> tuple[int, float] | None:
        """Which request comes next, and when; None after the last."""
        with self._lock:
            if self._stopped.is_set() or self._sent == self._count:
                return None
            at = max(self._next, self._clock())
            self._next = at + self._gap_s
            self._sent += 1
            return self._sent - 1, at

    def _send(self, connection: http.client.HTTPConnection, row: dict[str, Any]) -> tuple[int, str]:
        try:
            connection.request("POST", self._path, json.dumps({"instances": [row]}).encode())
            answer = connection.getresponse()
            answer.read()
            return answer.status, answer.getheader(VERSION_HEADER, "")
        except (OSError, http.client.HTTPException):
            connection.close()
            return 0, ""
