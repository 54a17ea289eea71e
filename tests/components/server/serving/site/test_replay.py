"""Rows that are replayed: in order, never faster than asked, and at an end at once."""

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from foldline.serving.site.replay import THREADS, Replay

ROWS = [{"a": 1}, {"a": 2}, {"a": None}]


class Users(ThreadingHTTPServer):
    """Answers while `gate` is open, one row with 500; keeps what it got."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.rows: list[dict] = []
        self.gate = threading.Event()
        self.gate.set()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Users

    def do_POST(self) -> None:
        assert self.path == "/v1/models/late:predict"
        (row,) = json.loads(self.rfile.read(int(self.headers["content-length"])))["instances"]
        self.server.rows.append(row)
        self.server.gate.wait()
        status = b"500 Fault" if row["a"] == 2 else b"200 OK"
        self.wfile.write(b"HTTP/1.1 " + status + b"\r\nx-foldline-model-version: v\r\ncontent-length: 2\r\n\r\n{}")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def users() -> Iterator[Users]:
    with Users() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.gate.set()
        server.shutdown()
        thread.join()


def replay(users: Users, per_s: float, count: int | None = None) -> Replay:
    return Replay("127.0.0.1", users.server_address[1], "late", ROWS, per_s, count=count)


def test_rows_go_round_and_answers_are_counted_by_status_and_version(users: Users) -> None:
    with replay(users, 1000.0, count=9) as sent:
        assert sent.wait(60.0)
        assert sent.answers() == {(200, "v"): 6, (500, "v"): 3}
    assert sorted(str(row["a"]) for row in users.rows) == ["1"] * 3 + ["2"] * 3 + ["None"] * 3


def test_it_is_never_faster_than_asked(users: Users) -> None:
    started = time.monotonic()
    with replay(users, 50.0, count=25) as sent:
        assert sent.wait(60.0)
    assert time.monotonic() - started >= 24 / 50


def test_what_a_server_held_up_is_not_made_good(users: Users) -> None:
    users.gate.clear()
    with replay(users, 100.0):
        arrived(users, THREADS)
        time.sleep(1.0)
        released = time.monotonic()
        users.gate.set()
        arrived(users, THREADS + 20)
        assert time.monotonic() - released >= 18 / 100


def arrived(users: Users, count: int) -> None:
    deadline = time.monotonic() + 60
    while len(users.rows) < count:
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_it_ends_though_answers_are_awaited(users: Users) -> None:
    users.gate.clear()
    with replay(users, 1000.0) as sent:
        arrived(users, THREADS)
    assert sent.wait(60.0)
    assert sent.answers() == {}
    assert len(users.rows) == THREADS


def test_nobody_at_home_is_no_answer() -> None:
    with Users() as server:
        port = server.server_address[1]
    with Replay("127.0.0.1", port, "late", ROWS, 1000.0, count=5) as sent:
        assert sent.wait(60.0)
        assert sent.answers() == {(0, ""): 5}
