"""Questions to a running Envoy over the socket in its folder."""

import http.client
import json
import os
import socket
from pathlib import Path
from typing import Any

from foldline.serving.site.envoy_config import SOCKET

TIMEOUT_S = 10.0


class _Connection(http.client.HTTPConnection):
    """HTTP over a socket whose path may be longer than a socket's may."""

    def __init__(self, folder: Path) -> None:
        super().__init__("envoy", timeout=TIMEOUT_S)
        self._folder = folder

    def connect(self) -> None:
        folder = os.open(self._folder, os.O_PATH)
        try:
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.settimeout(TIMEOUT_S)
            self.sock.connect(f"/proc/self/fd/{folder}/{SOCKET}")
        finally:
            os.close(folder)


def ask(folder: Path, path: str, method: str = "GET") -> str:
    """Envoy's answer.

    Raises:
        OSError: it does not answer, or answers another status than 200.
    """
    connection = _Connection(folder)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        text = answer.read().decode(errors="replace")
    except http.client.HTTPException as fault:
        raise OSError(f"Envoy's answer to {path} breaks off: {type(fault).__name__}") from None
    finally:
        connection.close()
    if answer.status != 200:
        raise OSError(f"Envoy answers {path} with status {answer.status}: {text[:200]}")
    return text


def ask_json(folder: Path, path: str) -> Any:
    """The same as JSON; an OSError where it is none."""
    text = ask(folder, path)
    try:
        return json.loads(text)
    except ValueError:
        raise OSError(f"Envoy's answer to {path} is no JSON: {text[:200]}") from None
