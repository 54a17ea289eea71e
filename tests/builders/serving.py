"""Model servers and requests to them: real processes, real HTTP on loopback."""

import http.client
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

READY_S = 120.0


class Answer(NamedTuple):
    status: int
    content: Any
    headers: dict[str, str]


class Server(NamedTuple):
    process: subprocess.Popen[str]
    port: int

    def ask(self, path: str, content: Any = None, *, body: bytes | None = None) -> Answer:
        """GET, or POST of `content` as JSON or of `body` as it is."""
        if content is not None:
            body = json.dumps(content).encode()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request("GET" if body is None else "POST", path, body)
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        headers = {name.lower(): value for name, value in answer.getheaders()}
        is_json = headers.get("content-type") == "application/json"
        return Answer(answer.status, json.loads(text) if is_json else text.decode(), headers)

    def wait_ready(self) -> None:
        deadline = time.monotonic() + READY_S
        while True:
            answer = self.ask("/v2/health/ready")
            if answer.status == 200:
                return
            assert self.process.poll() is None, answer
            assert time.monotonic() < deadline, answer
            time.sleep(0.05)


@contextmanager
def running(*arguments: str, ready: bool = True) -> Iterator[Server]:
    """A model server with these arguments on a free port, ready unless `ready` is False, ended at the end."""
    command = [sys.executable, "-m", "foldline.serving.server", "--port", "0", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line.startswith("listening on http://127.0.0.1:"):
            raise AssertionError(f"server said {line!r} and {process.communicate(timeout=30)[1]!r}")
        server = Server(process, int(line.rpartition(":")[2]))
        if ready:
            server.wait_ready()
        yield server
    finally:
        process.kill()
        process.communicate()
