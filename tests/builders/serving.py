"""Model servers and requests to them: real processes, real HTTP on loopback."""

import http.client
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple


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
        return Answer(answer.status, json.loads(text) if text else None, headers)


@contextmanager
def running(*arguments: str) -> Iterator[Server]:
    """A model server with these arguments on a free port, ended at the end."""
    command = [sys.executable, "-m", "foldline.serving.server", "--port", "0", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line.startswith("listening on http://127.0.0.1:"):
            raise AssertionError(f"server said {line!r} and {process.communicate(timeout=30)[1]!r}")
        yield Server(process, int(line.rpartition(":")[2]))
    finally:
        process.kill()
        process.communicate()
