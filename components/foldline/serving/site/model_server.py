"""A model server of this machine: a process that announces its port and is asked over HTTP."""

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foldline.errors import ServingError
from foldline.serving.answer import Answer
from foldline.serving.requests import ask, predict
from foldline.serving.site import processes
from foldline.serving.site.processes import Process

HOST = "127.0.0.1"
END_S = 10.0
# Requests under way get this long once the server was asked to end.
DRAIN_S = 30.0
_LISTENING = f"listening on http://{HOST}:"


@dataclass(frozen=True)
class Program:
    """What serves a version: a command that announces `listening on http://127.0.0.1:PORT` and answers there."""

    version: str
    command: Sequence[str]


def program(version: str, model: Path, model_name: str, *, log_to: str = "") -> Program:
    """The model server for the model in a folder; it ends at once, for Envoy is drained before it.

    Args:
        log_to: folder or address for its log of requests; empty for none.
    """
    options = ["--model-dir", str(model.absolute()), "--model", model_name, "--port", "0", "--drain-s", "0"]
    options += ["--log-to", log_to] if log_to else []
    return Program(version, [sys.executable, "-m", "foldline.serving.server", *options])


class ModelServer:
    """A started model server, known by its process and its log."""

    def __init__(
        self, process: Process, log: Path, model_name: str, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.process, self._log, self._model_name, self._clock = process, log, model_name, clock

    @property
    def port(self) -> int:
        """The port that it announced; 0 before."""
        for line in processes.lines_of(self._log):
            if line.startswith(_LISTENING):
                return int(line.removeprefix(_LISTENING))
        return 0

    def runs(self) -> bool:
        return processes.runs(self.process)

    def wait_ready(self, timeout_s: float) -> float:
        """Wait until the server says that it is ready; the seconds that took.

        Raises:
            ServingError: it ended, or is not ready after `timeout_s`; the message has its last state and line.
        """
        started = self._clock()
        state = "loading the model"
        while self._clock() - started < timeout_s:
            if not self.runs():
                raise self.gone()
            if self.port:
                answer = ask(HOST, self.port, "GET", "/v2/health/ready")
                if answer.status == 200:
                    return self._clock() - started
                state = f"listening, not ready: status {answer.status} {answer.content}"
            time.sleep(processes.POLL_S)
        raise self._not_ready(f"after {timeout_s:g} s it was {state}")

    def predict(self, instances: list[dict[str, Any]]) -> Answer:
        """A request of protocol V1, past Envoy."""
        return predict(HOST, self.port, self._model_name, instances)

    def described(self) -> dict[str, Any]:
        return {"address": f"http://{HOST}:{self.port}", "pid": self.process.pid}

    def gone(self) -> ServingError:
        """The error for a server that has ended."""
        return self._not_ready(processes.ending(self.process))

    def _not_ready(self, got: str) -> ServingError:
        said = processes.last_line(self._log)
        return ServingError(
            f"model server of {self._model_name}", expected="ready to serve", got=f"{got}; it last said: {said}"
        )
