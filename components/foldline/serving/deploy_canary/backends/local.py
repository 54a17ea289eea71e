"""A model server on this machine: a process of its own, gone when the check is over."""

import http.client
import json
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
from foldline.serving.deploy_canary.smoke import Answer

POLL_S = 0.05
END_S = 10.0
REQUEST_TIMEOUT_S = 10.0
VERSION_HEADER = "x-foldline-model-version"
_LISTENING = "listening on http://127.0.0.1:"


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
                answer = self.get("/v2/health/ready")
                if answer.status == 200:
                    return self._clock() - started
                state = f"listening, not ready: status {answer.status} {answer.content}"
            time.sleep(POLL_S)
        raise self._not_ready(f"after {timeout_s:g} s it was {state}")

    def get(self, path: str) -> Answer:
        return self._ask("GET", path, None)

    def predict(self, instances: list[dict[str, Any]]) -> Answer:
        """A request of protocol V1; no answer within ten seconds is status 0."""
        return self._ask("POST", f"/v1/models/{self._name}:predict", {"instances": instances})

    def _ask(self, method: str, path: str, content: Any) -> Answer:
        started = self._clock()
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=REQUEST_TIMEOUT_S)
        try:
            connection.request(method, path, None if content is None else json.dumps(content, allow_nan=False).encode())
            answer = connection.getresponse()
            text = answer.read()
            return Answer(
                answer.status, json.loads(text), answer.getheader(VERSION_HEADER, ""), self._clock() - started
            )
        except (OSError, http.client.HTTPException, ValueError) as fault:
            return Answer(0, f"no answer: {fault or type(fault).__name__}", "", self._clock() - started)
        finally:
            connection.close()

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
