"""Where the request log's events go: a folder of files, or an address that takes them by HTTP."""

import http.client
import json
import os
from pathlib import Path
from typing import IO, Protocol
from urllib.parse import urlsplit

from foldline.errors import ArgumentError
from foldline.serving.server.events import Event

FILE_BYTES = 64 * 2**20
FILES_KEPT = 16
TIMEOUT_S = 5.0


class Sink(Protocol):
    """A place for events; used by one thread."""

    def write(self, event: Event) -> None:
        """Raises OSError where the event is lost."""
        ...

    def close(self) -> None: ...


def open_sink(place: str, prefix: str) -> Sink:
    """The sink at `place`: an http or https address, else a folder, which is made.

    Args:
        prefix: of the files' names in a folder.

    Raises:
        ArgumentError: the folder cannot be written, or the address has no host.
    """
    parts = urlsplit(place)
    if parts.scheme in ("http", "https"):
        if not parts.hostname:
            raise ArgumentError("--log-to", expected="http://HOST[:PORT]/PATH or a folder", got=place)
        return HttpSink(place)
    try:
        return FolderSink(Path(place), prefix)
    except OSError as fault:
        raise ArgumentError("--log-to", expected="a folder that can be written", got=f"{place}: {fault}") from None


class FolderSink:
    """JSON lines in `PREFIX-NUMBER.jsonl`; a full file is followed by the next, and the oldest ones are removed."""

    def __init__(
        self, folder: Path, prefix: str, *, file_bytes: int = FILE_BYTES, files_kept: int = FILES_KEPT
    ) -> None:
        """Make the folder and the first file.

        Raises:
            OSError: one of them cannot be made.
        """
        self._folder, self._prefix = folder, f"{prefix}-{os.getpid()}"
        self._file_bytes, self._files_kept = file_bytes, files_kept
        self._number = 0
        folder.mkdir(parents=True, exist_ok=True)
        self._file = self._open()

    def write(self, event: Event) -> None:
        line = json.dumps(event, separators=(",", ":")).encode() + b"\n"
        if self._file.tell() + len(line) > self._file_bytes and self._file.tell():
            self._file.close()
            self._number += 1
            self._file = self._open()
            self._path(self._number - self._files_kept).unlink(missing_ok=True)
        self._file.write(line)
        # A reader sees whole lines only, and a killed server loses none.
        self._file.flush()

    def close(self) -> None:
        self._file.close()

    def _open(self) -> IO[bytes]:
        return self._path(self._number).open("ab")

    def _path(self, number: int) -> Path:
        return self._folder / f"{self._prefix}-{number:06}.jsonl"


class HttpSink:
    """One POST an event, as `application/cloudevents+json`, on a connection that is kept."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._connection = kind(parts.hostname or "", parts.port, timeout=TIMEOUT_S)
        self._target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")

    def write(self, event: Event) -> None:
        body = json.dumps(event).encode()
        try:
            self._post(body)
        except ConnectionError:
            # The other side may have closed the connection since the last event.
            self._post(body)

    def _post(self, body: bytes) -> None:
        try:
            self._connection.request("POST", self._target, body, {"content-type": "application/cloudevents+json"})
            answer = self._connection.getresponse()
            answer.read()
        except OSError:
            self._connection.close()
            raise
        except http.client.HTTPException as fault:
            self._connection.close()
            raise OSError(f"no answer of HTTP: {fault}") from fault
        if answer.status >= 300:
            raise OSError(f"status {answer.status}")

    def close(self) -> None:
        self._connection.close()
