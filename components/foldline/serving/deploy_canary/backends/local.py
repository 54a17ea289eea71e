"""A model server on this machine: a process of its own, gone when the check is over."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from foldline.errors import ServingError
from foldline.serving.deploy_canary.backends.requests import ask, predict
from foldline.serving.deploy_canary.smoke import Answer

POLL_S = 0.05
END_S = 10.0
_HOST = "127.0.0.1"
_LISTENING = f"listening on http://{_HOST}:"


class LocalBackend:
    """Serves the challenger beside the task; nothing serves after it."""

    def __init__(self, model: Path, name: str) -> None:
        self._model, self._name = model, name

    def challenger(self) -> "LocalServer":
        return LocalServer(self._model, self._name)

    def champion(self) -> None:
        return None


class LocalServer:
    """A process of `foldline.serving.server` for the model in one folder; a context that ends it."""

    def __init__(self, model: Path, name: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._name = name
        self._clock = clock
        self._port = 0
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  (closed where the process is ended)
        command = [sys.executable, "-m", "foldline.serving.server", "--model-dir", str(model), "--model", name]
        self._process = subprocess.Popen([*command, "--port", "0"], stdout=self._log, stderr=subprocess.STDOUT)

    @property
    def pid(self) -> int:
        return self._process.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        try:
            self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()

    def wait_ready(self, timeout_s: float) -> float:
        """Wait until the server says that it is ready; the seconds that took.

        Raises:
            ServingError: it ended, or is not ready after `timeout_s`; the message has its last state and line.
        """
        started = self._clock()
        state = "loading the model"
        while self._clock() - started < timeout_s:
            code = self._process.poll()
            if code is not None:
                raise self._not_ready(f"it ended with exit code {code}")
            self._port = self._port or self._announced()
            if self._port:
                answer = ask(_HOST, self._port, "GET", "/v2/health/ready")
                if answer.status == 200:
                    return self._clock() - started
                state = f"listening, not ready: status {answer.status} {answer.content}"
            time.sleep(POLL_S)
        raise self._not_ready(f"after {timeout_s:g} s it was {state}")

    def predict(self, instances: list[dict[str, Any]]) -> Answer:
        """A request of protocol V1."""
        return predict(_HOST, self._port, self._name, instances)

    def described(self) -> dict[str, Any]:
        return {}

    def _announced(self) -> int:
        for line in self._lines():
            if line.startswith(_LISTENING):
                return int(line.removeprefix(_LISTENING))
        return 0

    def _lines(self) -> list[str]:
        # The process shares the file's position with us, so it is read without moving it.
        size = os.fstat(self._log.fileno()).st_size
        return os.pread(self._log.fileno(), size, 0).decode(errors="replace").splitlines()

    def _not_ready(self, got: str) -> ServingError:
        last = next((line for line in reversed(self._lines()) if line.strip()), "nothing")
        return ServingError(
            f"model server of {self._name}", expected="ready to serve", got=f"{got}; it last said: {last[:400]}"
        )
