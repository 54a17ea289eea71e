"""What every place that serves a challenger can do."""

from contextlib import AbstractContextManager
from typing import Any, Protocol

from foldline.errors import ServingError
from foldline.serving.answer import Answer
from foldline.serving.reading import Reading

Address = tuple[str, int]


class NotReadyError(ServingError):
    """A server that could not be asked: it ended, or was not ready in time."""


class Server(Protocol):
    """A server of one version of a model."""

    def wait_ready(self, timeout_s: float) -> float:
        """Wait until it can be asked; the seconds that took. Raises ServingError where it will not."""
        ...

    def predict(self, instances: list[dict[str, Any]]) -> Answer:
        """A request of protocol V1."""
        ...

    def described(self) -> dict[str, Any]:
        """Where it serves, for the decision's figures."""
        ...


class Backend(Protocol):
    """A place to serve one challenger of one model."""

    def challenger(self) -> AbstractContextManager[Server]:
        """The challenger's own server; gone at the end of the block."""
        ...

    def champion(self) -> AbstractContextManager[Server] | None:
        """The server that users ask, pointed at the challenger, and back where the block ends in an exception.

        None where nothing serves beyond the task.
        """
        ...


class Split(Protocol):
    """A place that serves champion and challenger side by side, and splits the traffic between them.

    Each call may be made again after the process that made it was killed: it finds what is there and goes on.
    Every error is a ServingError or a ClusterError; after one, the traffic is where it was.
    """

    def start(self) -> Server:
        """Serve the challenger beside the champion, without traffic, under an address of its own."""
        ...

    def shift(self, percent: float) -> None:
        """Give the challenger `percent` (0 to 100) of the requests, and return when the router was seen to do so."""
        ...

    def mirror(self, percent: float) -> None:
        """Send a copy of `percent` of the champion's requests to the challenger; its answers reach nobody."""
        ...

    def percent(self) -> float | None:
        """The challenger's share as the router has it now; None where somebody took the challenger out of it."""
        ...

    def read(self) -> Reading:
        """Counters of both arms; what cannot be read is missing in it, and never raises."""
        ...

    def servers(self) -> tuple[list[Address], list[Address]]:
        """Host and port of each model server of the champion and of the challenger, past the router; none where they
        cannot be told."""
        ...

    def promote(self) -> Server:
        """Give all requests to the challenger; the earlier champion stays ready, without traffic."""
        ...

    def revert(self) -> None:
        """Give all requests to the earlier champion, then drain and remove the challenger; before and after promote."""
        ...

    def settle(self) -> None:
        """Drain and remove the earlier champion, after `promote`."""
        ...
