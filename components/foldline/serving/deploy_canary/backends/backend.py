"""What every place that serves a challenger can do."""

from contextlib import AbstractContextManager
from typing import Any, Protocol

from foldline.serving.deploy_canary.smoke import Answer


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
