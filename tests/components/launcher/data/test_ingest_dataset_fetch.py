"""Sources on a network: real servers on loopback that answer well, badly, late and shortly."""

import http.server
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from builders import s3, wire
from builders.wire import DROP, Reply
from foldline import object_store
from foldline.artifacts import Dataset
from foldline.data.ingest_dataset import fetch
from foldline.data.ingest_dataset.run import run
from foldline.errors import ArgumentError

BODY = b"a,b\n" + b"1,x\n" * 500
Answer = Callable[["Handler"], None]


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers the first request with the first answer, and so on, and the last for ever."""

    protocol_version = "HTTP/1.1"
    answers: list[Answer]
    paths: list[str]

    def do_GET(self) -> None:
        self.paths.append(self.path)
        self.answers[min(len(self.paths), len(self.answers)) - 1](self)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
        """Keep the test's output clean."""


def whole(handler: Handler) -> None:
    send(handler, BODY, len(BODY))


def short(handler: Handler) -> None:
    send(handler, BODY[:-100], len(BODY))


def failing(handler: Handler) -> None:
    handler.send_error(503)


def missing(handler: Handler) -> None:
    handler.send_error(404)


def broken(handler: Handler) -> None:
    handler.close_connection = True


def torn_chunks(handler: Handler) -> None:
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    handler.wfile.write(b"%x\r\n" % 100 + BODY[:100] + b"\r\n%x\r\n" % 500 + BODY[100:200])
    handler.close_connection = True


def chunks(handler: Handler) -> None:
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    handler.wfile.write(b"%x\r\n" % len(BODY) + BODY + b"\r\n0\r\n\r\n")


def elsewhere(handler: Handler) -> None:
    handler.send_response(302)
    handler.send_header("Location", "/other.csv")
    handler.send_header("Content-Length", "0")
    handler.end_headers()


def send(handler: Handler, body: bytes, length: int) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(length))
    handler.end_headers()
    handler.wfile.write(body)
    handler.close_connection = len(body) != length


@contextmanager
def serving(*answers: Answer) -> Iterator[tuple[str, list[str]]]:
    """Address of a server, and the paths that it was asked for."""
    paths: list[str] = []
    handler = type("Scripted", (Handler,), {"answers": list(answers), "paths": paths})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", paths
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(autouse=True)
def short_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "PAUSE_S", 0.001)
    monkeypatch.setattr(object_store, "BACKOFF_S", 0.001)


def ingest(tmp_path: Path, uri: str, **arguments: Any) -> Dataset:
    return run(uri, tmp_path / "dataset", **arguments)


@pytest.mark.parametrize(
    "answers",
    [
        [whole],
        [chunks],
        [short, whole],
        [failing, failing, failing, failing, failing, whole],
        [broken, torn_chunks, whole],
        [elsewhere, whole],
    ],
    ids=["at once", "in chunks", "short once", "failing five times", "broken twice", "elsewhere"],
)
def test_a_download_ends_with_the_whole_file(tmp_path: Path, answers: list[Answer]) -> None:
    with serving(*answers) as (address, paths):
        dataset = ingest(tmp_path, f"{address}/t.csv")
    assert dataset.rows == 500
    assert len(paths) == len(answers)


@pytest.mark.parametrize(
    ("answer", "requests", "got"),
    [
        (missing, 1, "HTTP status 404"),
        (failing, 6, "HTTP status 503"),
        (short, 6, "a connection that broke"),
        (torn_chunks, 6, "a connection that broke"),
        (broken, 6, "RemoteDisconnected|ProtocolError"),
    ],
    ids=["missing", "failing", "short", "torn chunks", "broken"],
)  # fmt: skip
def test_a_download_that_fails_for_ever_is_one_error(tmp_path: Path, answer: Answer, requests: int, got: str) -> None:
    with (
        serving(answer) as (address, paths),
        pytest.raises(ArgumentError, match=rf"source_uri: expected a whole file at {address}/t.csv, got .*({got})"),
    ):
        ingest(tmp_path, f"{address}/t.csv")
    assert len(paths) == requests
    assert not (tmp_path / "dataset").exists()


def test_a_server_that_asks_for_a_pause_gets_it_up_to_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(fetch.time, "sleep", pauses.append)
    soon, never = (Reply(429, b"", {"Retry-After": seconds}) for seconds in ("3", "86400"))
    with wire.serving(wire.in_turn(soon, never, Reply(content=BODY))) as server:
        assert ingest(tmp_path, f"{server.address}/t.csv").rows == 500
    assert pauses == [3.0, fetch.LONGEST_PAUSE_S]


def test_nobody_at_the_address_is_one_error(tmp_path: Path) -> None:
    with serving(whole) as (address, _):
        pass
    with pytest.raises(ArgumentError, match=r"source_uri: expected a whole file at .*Connection"):
        ingest(tmp_path, f"{address}/t.csv")


def test_user_password_and_query_are_neither_stored_nor_shown(tmp_path: Path) -> None:
    with serving(whole) as (address, paths):
        uri = f"{address.replace('//', '//someone:secret@')}/t.csv?token=secret"
        dataset = ingest(tmp_path, uri)
        assert paths == ["/t.csv?token=secret"]
    assert dataset.source["uri"] == f"{address}/t.csv"
    with serving(missing) as (address, _), pytest.raises(ArgumentError) as fault:
        ingest(tmp_path, f"{address.replace('//', '//someone:secret@')}/t.csv?token=secret")
    assert "secret" not in str(fault.value)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[s3.S3]:
    folder = tmp_path_factory.mktemp("s3")
    with s3.server(folder) as running:
        running.make_bucket("raw")
        client = fetch.client_from_environment("s3://raw", running.environment)
        (folder / "t.csv").write_bytes(BODY)
        client.fput_object("raw", "tables/t.csv", str(folder / "t.csv"))
        for name in ("b", "a"):
            pq.write_table(pa.table({"name": [name]}), folder / "part.parquet")
            client.fput_object("raw", f"parts/day={name}/part.parquet", str(folder / "part.parquet"))
        client.fput_object("raw", "parts/readme.txt", str(folder / "t.csv"))
        yield running


@pytest.mark.parametrize("scheme", ["s3", "minio"])
def test_an_object_is_read(tmp_path: Path, store: s3.S3, scheme: str) -> None:
    dataset = ingest(tmp_path, f"{scheme}://raw/tables/t.csv", environment=store.environment)
    assert dataset.rows == 500
    assert dataset.source["uri"] == f"{scheme}://raw/tables/t.csv"


@pytest.mark.parametrize("uri", ["s3://raw/parts", "s3://raw/parts/"])
def test_the_parquet_objects_under_a_prefix_are_one_table(tmp_path: Path, store: s3.S3, uri: str) -> None:
    dataset = ingest(tmp_path, uri, environment=store.environment)
    assert dataset.table().select(["name", "day"]).to_pylist() == [
        {"name": "a", "day": "a"},
        {"name": "b", "day": "b"},
    ]


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("s3://raw/tables/none.csv", r"expected an object, or a prefix of \*\.parquet objects, got none at s3://raw/"),
        ("s3://raw/tables", r"expected an object, or a prefix of \*\.parquet objects, got none at s3://raw/tables"),
        ("s3://nobucket/t.csv", r"expected a readable object at s3://nobucket/t\.csv, got NoSuchBucket"),
    ],
)
def test_an_object_that_is_not_there_is_one_error(tmp_path: Path, store: s3.S3, uri: str, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        ingest(tmp_path, uri, environment=store.environment)


def test_a_store_that_does_not_answer_is_one_error(tmp_path: Path) -> None:
    with serving(whole) as (address, _):
        pass
    with pytest.raises(
        ArgumentError, match=r"source_uri: expected a readable object at s3://raw/t\.csv, got no answer"
    ):
        ingest(tmp_path, "s3://raw/t.csv", environment={"FOLDLINE_S3_ENDPOINT": address, "AWS_REGION": "us-east-1"})


SLOW_DOWN = Reply(
    503,
    b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>",
    {"content-type": "application/xml"},
)
OBJECT = Reply(content=BODY, headers={"etag": '"e"', "last-modified": "Thu, 01 Jan 2026 00:00:00 GMT"})
TORN = Reply(content=BODY, headers=OBJECT.headers, drop=True, length=len(BODY) - 100)
KEYS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "us-east-1"}


@pytest.mark.parametrize(
    "faults",
    [[SLOW_DOWN] * 5, [Reply(429, b"", {"content-type": "text/plain"})] * 5, [DROP] * 5, [OBJECT, TORN, OBJECT, TORN]],
    ids=["SlowDown", "429", "hangs up", "torn twice"],
)
def test_an_object_store_whose_faults_pass_is_waited_for(tmp_path: Path, faults: list[Reply]) -> None:
    with wire.serving(wire.in_turn(*faults, OBJECT)) as server:
        environment = {**KEYS, "FOLDLINE_S3_ENDPOINT": server.address}
        assert ingest(tmp_path, "s3://raw/t.csv", environment=environment).rows == 500


@pytest.mark.parametrize(
    ("fault", "said"),
    [(SLOW_DOWN, "503"), (Reply(502, b"<html>", {"content-type": "text/html"}), "502"), (TORN, "no answer")],
    ids=["SlowDown", "a proxy", "torn"],
)
def test_an_object_store_whose_faults_stay_is_told_with_its_last_words(tmp_path: Path, fault: Reply, said: str) -> None:
    def answer(asked: wire.Asked) -> Reply:
        return OBJECT if fault is TORN and asked.method == "HEAD" else fault

    with wire.serving(answer) as server:
        environment = {**KEYS, "FOLDLINE_S3_ENDPOINT": server.address}
        with pytest.raises(ArgumentError, match=rf"expected a readable object at s3://raw/t\.csv, got .*{said}"):
            ingest(tmp_path, "s3://raw/t.csv", environment=environment)
