"""The running server: listens first, loads the model beside it, drains before it ends."""

import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType

import uvicorn

from foldline.errors import FoldlineError, ServingError
from foldline.serving.server.app import App
from foldline.serving.server.batching import Predict
from foldline.serving.server.served import Batching, Served

# Requests under way may take so long after the last one was taken.
FINISH_S = 30
BACKLOG = 2048


def listen(host: str, port: int) -> socket.socket:
    """A socket that takes connections, which wait until the server answers.

    Raises:
        ServingError: the address is taken or is not this machine's.
    """
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as fault:
        listener.close()
        raise ServingError(f"port {port}", expected="a free port", got=str(fault.strerror)) from None
    listener.listen(BACKLOG)
    return listener


class ModelServer(uvicorn.Server):  # type: ignore[misc]  # the type checker's environment has no uvicorn
    """Answers health from the first moment and predictions when the model is loaded.

    SIGTERM makes it not ready and lets it take requests for `drain_s` more seconds, each on its connection's last turn,
    so that a load balancer has time to notice; SIGINT, or a second SIGTERM, ends it without that time. Requests under
    way are always answered.
    """

    def __init__(
        self, app: App, served: Served, load: Callable[[], Predict], *, batching: Batching, drain_s: float
    ) -> None:
        super().__init__(uvicorn.Config(app, access_log=False, log_level="warning", timeout_graceful_shutdown=FINISH_S))
        self.fault: Exception | None = None
        self._served, self._load, self._batching, self._drain_s = served, load, batching, drain_s
        self._end_at: float | None = None
        self._loader = threading.Thread(target=self._begin, name="loader", daemon=True)

    def serve_on(self, listener: socket.socket) -> bool:
        """Serve until a signal comes or the model cannot be loaded, which `fault` then holds.

        Returns:
            Whether its threads are over: False where the model is still being loaded or does not come to an end.
        """
        self.run(sockets=[listener])
        return not self._loader.is_alive() and self._served.close(FINISH_S)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Answer on the sockets, then load: from now on signals are handled."""
        await super().startup(sockets)
        self._loader.start()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Uvicorn's handler of both signals."""
        first = self._end_at is None
        self._served.end()
        if first and sig == signal.SIGTERM:
            self._end_at = time.monotonic() + self._drain_s
        else:
            self._end_at = time.monotonic()

    async def on_tick(self, counter: int) -> bool:
        """Whether it is time to end; uvicorn asks ten times a second."""
        over = self._end_at is not None and time.monotonic() >= self._end_at
        return await super().on_tick(counter) or over

    def _begin(self) -> None:
        try:
            self._served.begin(self._load(), self._batching)
        except Exception as fault:
            self.fault = fault
            self._end_at = time.monotonic()


def say(fault: Exception) -> None:
    """Print why the server ended; a fault that nobody foresaw with its trace."""
    if isinstance(fault, FoldlineError):
        print(fault, file=sys.stderr)
    else:
        sys.excepthook(type(fault), fault, fault.__traceback__)
