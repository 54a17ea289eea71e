"""The log of requests: which ones, in which form, to where, and never in a request's way."""

import http.server
import json
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from builders import models
from builders.serving import READY_S, running
from foldline.artifacts import Model
from foldline.errors import ArgumentError
from foldline.serving.server.events import About, Event, is_sampled, pair
from foldline.serving.server.metrics import Metrics
from foldline.serving.server.request_log import MOST_WAITING, MOST_WAITING_BYTES, RequestLog
from foldline.serving.server.sinks import FolderSink, HttpSink, open_sink
from foldline.store import version_of

PREDICT = "/v1/models/late:predict"
ASKED = {"instances": [{"distance": 0.5, "carrier": "Québec\nAir"}]}
ABOUT = About("//pod/v1/models/late", "late", "v7", "team")
IDENTITIES = [f"request-{number}" for number in range(2000)]


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + READY_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def ask(port: int, identity: str, content: Any) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=READY_S)
    connection.request("POST", PREDICT, json.dumps(content), {"x-request-id": identity})
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    assert answer.getheader("x-request-id") == identity
    return answer.status, json.loads(text)


def lines(folder: Path) -> list[Event]:
    return [json.loads(line) for path in sorted(folder.glob("*.jsonl")) for line in path.open()]


def test_an_event_is_a_cloud_event_of_the_types_of_kserve() -> None:
    asked, answered = pair("r1", 1.5, ASKED, {"predictions": [0.5]}, 0.0021, ABOUT)
    assert asked == {
        "specversion": "1.0",
        "type": "org.kubeflow.serving.inference.request",
        "id": "r1",
        "source": "//pod/v1/models/late",
        "time": "1970-01-01T00:00:01.500000+00:00",
        "datacontenttype": "application/json",
        "modelname": "late",
        "modelversion": "v7",
        "namespace": "team",
        "data": ASKED,
    }
    assert answered == asked | {
        "type": "org.kubeflow.serving.inference.response",
        "latencyus": 2100,
        "data": {"predictions": [0.5]},
    }
    assert len(pair("r1", 1.5, ASKED, None, 0.0021, ABOUT)) == 1
    assert "namespace" not in pair("r1", 1.5, ASKED, None, 0.0021, About("s", "late", "v7"))[0]


@pytest.mark.parametrize(
    ("fraction", "least", "most"), [(0.0, 0, 0), (0.1, 150, 250), (0.5, 900, 1100), (1.0, 2000, 2000)]
)
def test_the_sample_is_a_matter_of_the_identity(fraction: float, least: int, most: int) -> None:
    chosen = [identity for identity in IDENTITIES if is_sampled(identity, fraction)]
    assert least <= len(chosen) <= most
    assert chosen == [identity for identity in IDENTITIES if is_sampled(identity, fraction)]
    assert set(chosen) <= {identity for identity in IDENTITIES if is_sampled(identity, min(1.0, fraction + 0.1))}


def test_a_server_logs_its_sample_into_a_folder(model: Model, tmp_path: Path) -> None:
    arguments = ("--model-dir", str(model.path), "--model", "late", "--drain-s", "0")
    with running(*arguments, "--log-to", str(tmp_path / "log"), "--log-sample", "0.3") as server:
        began = time.monotonic()
        answers = {identity: ask(server.port, identity, ASKED) for identity in IDENTITIES[:40]}
        most_us = 1e6 * (time.monotonic() - began)
        assert ask(server.port, "request-0", {"instances": [{"wind": 1}]})[0] == 400
        server.process.terminate()
        assert server.process.wait(READY_S) == 0
    logged = lines(tmp_path / "log")
    chosen = [identity for identity in IDENTITIES[:40] if is_sampled(identity, 0.3)]
    assert 0 < len(chosen) < 40
    kinds = ("request", "response")
    assert [(event["id"], event["type"].rpartition(".")[2]) for event in logged] == [
        (identity, kind) for identity in chosen for kind in kinds
    ]
    assert {(event["modelname"], event["modelversion"]) for event in logged} == {("late", version_of(model.digest))}
    assert [event["data"] for event in logged] == [
        content for identity in chosen for content in (ASKED, answers[identity][1])
    ]
    took = [event["latencyus"] for event in logged if event["type"].endswith("response")]
    assert min(took) > 0
    assert sum(took) < most_us


def test_a_request_without_a_prediction_is_logged_without_an_answer(place: Path, tmp_path: Path) -> None:
    broken = models.model(place / "log-nan", [1], bias=float("nan"))
    with running("--model-dir", str(broken.path), "--model", "late", "--log-to", str(tmp_path)) as server:
        assert ask(server.port, "r1", ASKED)[0] == 500
        until(lambda: len(lines(tmp_path)) == 1)
    assert [(event["id"], event["data"]) for event in lines(tmp_path)] == [("r1", ASKED)]


def test_an_http_sink_gets_each_event_as_a_structured_cloud_event(model: Model) -> None:
    got: list[tuple[str, str | None, Event]] = []

    class Receiver(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            got.append((self.path, self.headers["content-type"], json.loads(body)))
            self.send_response(503 if len(got) == 3 else 202)
            self.send_header("content-length", "0")
            self.end_headers()
            # Without a word, as a sink does whose patience with a silent connection is over.
            self.close_connection = len(got) == 2

        def log_message(self, *_: Any) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as receiver:
        threading.Thread(target=receiver.serve_forever, daemon=True).start()
        sink = f"http://127.0.0.1:{receiver.server_port}/events?for=late"
        with running("--model-dir", str(model.path), "--model", "late", "--log-to", sink) as server:
            assert [ask(server.port, identity, ASKED)[0] for identity in ("r1", "r2")] == [200, 200]
            until(lambda: len(got) == 4)
            until(lambda: metric(server.ask("/metrics").content, "foldline_log_events_total") == 3)
            assert metric(server.ask("/metrics").content, "foldline_log_events_dropped_total") == 1
        receiver.shutdown()
    assert {(path, kind) for path, kind, _ in got} == {("/events?for=late", "application/cloudevents+json")}
    assert [event["id"] for _, _, event in got] == ["r1", "r1", "r2", "r2"]
    assert got[0][2]["data"] == ASKED


def metric(text: str, name: str) -> float:
    return float(next(line for line in text.splitlines() if line.startswith(name + "{")).split()[-1])


def test_a_sink_that_hangs_holds_up_no_request_and_no_end(model: Model) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        sink = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        arguments = ("--model-dir", str(model.path), "--model", "late", "--drain-s", "0", "--log-to", sink)
        with running(*arguments) as server:
            assert {ask(server.port, identity, ASKED)[0] for identity in IDENTITIES[: MOST_WAITING + 50]} == {200}
            assert metric(server.ask("/metrics").content, "foldline_requests_in_flight") == 0
            until(lambda: metric(server.ask("/metrics").content, "foldline_log_events_dropped_total") >= 2)
            server.process.terminate()
            assert server.process.wait(READY_S) == 0


class Held:
    """A sink that writes nothing before it is let go."""

    def __init__(self) -> None:
        self.go, self.begun, self.closed = threading.Event(), threading.Event(), threading.Event()
        self.written: list[Event] = []

    def write(self, event: Event) -> None:
        self.begun.set()
        assert self.go.wait(READY_S)
        self.written.append(event)

    def close(self) -> None:
        self.closed.set()


def test_what_does_not_fit_into_the_queue_is_dropped_and_counted_and_the_rest_is_written_at_the_end() -> None:
    held, metrics = Held(), Metrics("late", "v7", models.BINARY)
    log = RequestLog(held, ABOUT, fraction=1.0, metrics=metrics)
    log.offer("first", ASKED, {"predictions": [0.5]}, 10, 0.002)
    assert held.begun.wait(READY_S)
    for identity in IDENTITIES[: MOST_WAITING + 7]:
        log.offer(identity, ASKED, {"predictions": [0.5]}, 10, 0.002)
    assert metric(metrics.text().decode(), "foldline_log_events_dropped_total") == 14
    held.go.set()
    log.close()
    assert held.closed.wait(READY_S)
    assert [event["id"] for event in held.written[::2]] == ["first", *IDENTITIES[:MOST_WAITING]]
    assert metric(metrics.text().decode(), "foldline_log_events_total") == 2 * (MOST_WAITING + 1)


def test_long_requests_fill_the_queue_by_their_bytes() -> None:
    held, metrics = Held(), Metrics("late", "v7", models.BINARY)
    log = RequestLog(held, ABOUT, fraction=1.0, metrics=metrics)
    for identity in IDENTITIES[:5]:
        log.offer(identity, ASKED, None, MOST_WAITING_BYTES // 3, 0.002)
    assert metric(metrics.text().decode(), "foldline_log_events_dropped_total") == 2
    held.go.set()
    until(lambda: metric(metrics.text().decode(), "foldline_log_events_total") == 3)
    log.offer("later", ASKED, None, 10, 0.002)
    log.close()
    assert [event["id"] for event in held.written] == [*IDENTITIES[:3], "later"]


def test_a_full_file_is_followed_by_the_next_and_the_oldest_are_removed(tmp_path: Path) -> None:
    sink = FolderSink(tmp_path, "late-v7", file_bytes=1500, files_kept=3)
    for identity in IDENTITIES[:40]:
        sink.write(pair(identity, 0.0, ASKED, None, 0.0, ABOUT)[0])
    sink.close()
    files = sorted(tmp_path.glob("late-v7-*.jsonl"))
    assert len(files) == 3
    assert all(path.stat().st_size <= 1500 for path in files)
    kept = [event["id"] for event in lines(tmp_path)]
    assert kept == IDENTITIES[40 - len(kept) : 40]


@pytest.mark.parametrize("place", ["http://", "https:///path", "file"])
def test_a_place_that_can_take_no_events_is_refused(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(ArgumentError, match="--log-to: expected"):
        open_sink(place if ":" in place else str(tmp_path / place), "late")


def test_an_address_may_leave_out_port_and_path() -> None:
    assert isinstance(open_sink("http://broker.example", "late"), HttpSink)
