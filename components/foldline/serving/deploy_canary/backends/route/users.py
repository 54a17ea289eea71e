"""The model as its users reach it: through the gateway, in the name of the route's host."""

import http.client
from dataclasses import dataclass
from typing import Any

from foldline.errors import ServingError
from foldline.serving.answer import Answer
from foldline.serving.deploy_canary.backends.route.form import SERVED_BY, SPLIT
from foldline.serving.deploy_canary.backends.route.gateway import Gateway
from foldline.serving.requests import TIMEOUT_S, predict
from foldline.waiting import Done, Outcome, Pending, wait_until

POLL_S = 0.2
# A gateway may be more than one process; each new connection may come to another.
ALIKE = 5


@dataclass(frozen=True)
class Seen:
    """An answer that came through the gateway: its status, 0 where none came, and which split and arm it tells of."""

    status: int
    split: str
    served_by: str
    problem: str = ""

    def __str__(self) -> str:
        return self.problem or f"status {self.status} by {self.served_by or 'nobody'} of split {self.split or 'none'}"


class RouteServer:
    """What the route of one model answers."""

    def __init__(self, gateway: Gateway, hostname: str, model_name: str, arm: str) -> None:
        self._gateway, self._hostname, self._model_name, self._arm = gateway, hostname, model_name, arm

    def wait_ready(self, timeout_s: float) -> float:
        """As the protocol says; every answer must be the arm's."""

        def judge(answers: list[Seen]) -> Outcome:
            other = [seen for seen in answers if seen.status != 200 or seen.served_by != self._arm]
            return Pending(str(other[0])) if other else Done()

        return wait_until(
            lambda: [look(self._gateway, self._hostname) for _ in range(ALIKE)],
            judge,
            what=f"host {self._hostname} at gateway {self._gateway}",
            expected=f"answers of {self._arm}",
            timeout_s=timeout_s,
            poll_s=POLL_S,
            error=ServingError,
        ).seconds

    def predict(self, instances: list[dict[str, Any]]) -> Answer:
        gateway = self._gateway
        return predict(gateway.address, gateway.port, self._model_name, instances, asked_host=self._hostname)

    def described(self) -> dict[str, Any]:
        return {"host": self._hostname, "gateway": str(self._gateway), "inference_service": self._arm}


def look(gateway: Gateway, hostname: str) -> Seen:
    """One request for readiness, on a connection of its own."""
    connection = http.client.HTTPConnection(gateway.address, gateway.port, timeout=TIMEOUT_S)
    try:
        connection.request("GET", "/v2/health/ready", headers={"Host": hostname})
        answer = connection.getresponse()
        answer.read()
        return Seen(answer.status, answer.getheader(SPLIT, ""), answer.getheader(SERVED_BY, ""))
    except (OSError, http.client.HTTPException) as fault:
        return Seen(0, "", "", f"no answer: {fault or type(fault).__name__}")
    finally:
        connection.close()
