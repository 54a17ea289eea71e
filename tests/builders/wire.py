"""A small HTTP server on loopback that answers as it is told: faults that no real server makes at will."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Asked:
    """One request as it came."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    content: Any


@dataclass(frozen=True)
class Reply:
    """An answer; `drop` closes the connection instead, after `length` bytes of the body where it is given."""

    status: int = 200
    content: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    drop: bool = False
    length: int = 0


DROP = Reply(drop=True)
Answers = Callable[[Asked], Reply]


@dataclass
class Wire:
    """The running server: its address and what it was asked."""

    address: str
    asked: list[Asked] = field(default_factory=list)

    def kubeconfig(self, path: Path, namespace: str = "team") -> Path:
        """A kubeconfig for this server, with a token."""
        context = {"cluster": "wire", "user": "wire", "namespace": namespace}
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "wire",
            "clusters": [{"name": "wire", "cluster": {"server": self.address}}],
            "users": [{"name": "wire", "user": {"token": "a-token"}}],
            "contexts": [{"name": "wire", "context": context}],
        }
        path.write_text(json.dumps(content))
        return path


@contextmanager
def serving(answers: Answers) -> Iterator[Wire]:
    """A server that asks `answers` for each answer."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            address = urlsplit(self.path)
            content = json.loads(body) if body[:1] in (b"{", b"[") else body
            asked = Asked(
                self.command, address.path, dict(parse_qsl(address.query)), dict(self.headers.items()), content
            )
            wire.asked.append(asked)
            reply = answers(asked)
            if reply.drop and not reply.length:
                self.close_connection = True
                self.connection.close()
                return
            text = reply.content if isinstance(reply.content, bytes) else json.dumps(reply.content).encode()
            self.send_response(reply.status)
            for name, value in {"content-type": "application/json", **reply.headers}.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(text[: reply.length] if reply.drop else text)
            if reply.drop:
                self.close_connection = True

        do_GET = do_PUT = do_HEAD = do_POST = do_PATCH = do_DELETE = answer  # noqa: N815

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    wire = Wire(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield wire
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def in_turn(*replies: Reply) -> Answers:
    """Answers that come one after the other; the last one stays."""
    left = list(replies)
    return lambda _: left.pop(0) if len(left) > 1 else left[0]
