"""What a bucket behind a bad network or a simpler server does to the alias."""

import http.client
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from builders import models
from foldline import object_store
from foldline.errors import StoreError
from foldline.store import open_store, version_of


class Between(BaseHTTPRequestHandler):
    """Passes requests on to the real server; `edit` changes their headers, `lose` says whether an answer is lost."""

    upstream = ""
    edit: Callable[[dict[str, str]], None]
    lose: Callable[[str, str], bool]

    def handle_request(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        headers = dict(self.headers.items())
        type(self).edit(headers)
        onward = http.client.HTTPConnection(self.upstream.removeprefix("http://"))
        onward.request(self.command, self.path, body, headers)
        answer = onward.getresponse()
        content = answer.read()
        onward.close()
        if type(self).lose(self.command, self.path):
            self.close_connection = True
            self.connection.close()
            return
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("transfer-encoding", "content-length", "connection", "server", "date"):
                self.send_header(name, value)
        self.send_header("content-length", answer.getheader("content-length") or str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_PUT = do_HEAD = do_POST = handle_request  # noqa: N815

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def between(server: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Between]]:
    handler = type(
        "Handler",
        (Between,),
        {"upstream": server.endpoint, "edit": staticmethod(lambda _: None), "lose": staticmethod(lambda *_: False)},
    )
    proxy = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=proxy.serve_forever, daemon=True).start()
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("FOLDLINE_S3_ENDPOINT", f"http://127.0.0.1:{proxy.server_port}")
    yield handler
    proxy.shutdown()
    proxy.server_close()


@pytest.fixture(autouse=True)
def short_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(object_store, "BACKOFF_S", 0.001)


def test_a_bucket_that_ignores_conditions_is_refused(between: type[Between], server: Any, tmp_path: Path) -> None:
    server.make_bucket("ignores")

    def drop(headers: dict[str, str]) -> None:
        for name in [name for name in headers if name.lower().startswith("if-")]:
            del headers[name]

    between.edit = staticmethod(drop)
    store = open_store("s3://ignores")
    version = store.register("late", models.unloadable(tmp_path / "a").path)
    with pytest.raises(StoreError, match=r"conditional writes \(If-None-Match\), got one that ignores"):
        store.set_alias("late", "champion", version, expected=None)
    assert store.alias("late", "champion") is None


def test_a_move_whose_answer_was_lost_is_found_to_be_done(between: type[Between], server: Any, tmp_path: Path) -> None:
    server.make_bucket("loses")
    between.lose = staticmethod(lambda command, path: command == "PUT" and "aliases" in path)
    store = open_store("s3://loses/here")
    a, b = (store.register("late", models.unloadable(tmp_path / name, name).path) for name in "ab")
    store.set_alias("late", "champion", a, expected=None)
    store.set_alias("late", "champion", b, expected=a)
    assert [move.version for move in store.history("late", "champion")] == [a, b]


def test_a_version_that_is_not_yet_whole_is_not_there(between: type[Between], server: Any, tmp_path: Path) -> None:
    server.make_bucket("partial")
    model = models.unloadable(tmp_path / "a")
    seen: list[str] = []

    def look(command: str, path: str) -> bool:
        if command == "PUT" and not path.endswith("/model.json"):
            try:
                open_store("s3://partial").fetch("late", version_of(model.digest))
            except StoreError as fault:
                seen.append(str(fault))
            else:
                seen.append("there")
        return False

    between.lose = staticmethod(look)
    version = open_store("s3://partial").register("late", model.path)
    assert len(seen) == 3
    assert all("no such version" in said for said in seen)
    assert open_store("s3://partial").fetch("late", version).is_dir()


def test_a_store_that_cannot_be_reached_is_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOLDLINE_S3_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(StoreError, match="expected a bucket that can be reached"):
        open_store("s3://anything").alias("late", "champion")


def test_every_request_may_fail_a_few_times(between: type[Between], server: Any, tmp_path: Path) -> None:
    server.make_bucket("fails")
    seen: dict[tuple[str, str], int] = {}

    def lose(command: str, path: str) -> bool:
        key = command, path.partition("?")[0]
        seen[key] = seen.get(key, 0) + 1
        return seen[key] % 3 != 0

    between.lose = staticmethod(lose)
    store = open_store("s3://fails/here")
    a, b = (store.register("late", models.unloadable(tmp_path / name, name).path) for name in "ab")
    store.set_alias("late", "champion", a, expected=None)
    store.set_alias("late", "champion", b, expected=a)
    assert [move.version for move in store.history("late")] == [a, b]
    assert open_store("s3://fails/here").fetch("late", b).is_dir()


def test_a_large_file_goes_through_in_parts_that_fail(between: type[Between], server: Any, tmp_path: Path) -> None:
    server.make_bucket("parts")
    failed: set[str] = set()

    def lose(command: str, path: str) -> bool:
        first = command == "PUT" and "partNumber" in path and path not in failed
        failed.update([path] if first else [])
        return first

    between.lose = staticmethod(lose)
    model = models.unloadable(tmp_path / "large", size=12 * 2**20)
    assert open_store("s3://parts").register("late", model.path) == version_of(model.digest)
    assert failed
