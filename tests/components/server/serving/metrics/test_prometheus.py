"""The HTTP API of Prometheus at the wire: what it refuses, delays or garbles is told."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from foldline.errors import ArgumentError, ServingError
from foldline.serving.deploy_canary.metrics.counters import Arm, Counters
from foldline.serving.deploy_canary.metrics.profiles import ENVOY
from foldline.serving.deploy_canary.metrics.prometheus import Found, Prometheus, Series, read
from foldline.serving.deploy_canary.reading import Histogram

DATE = "Thu, 01 Jan 1970 02:46:40 GMT"
Script = list[tuple[int, bytes]]


class Wire:
    """A server that gives the scripted answers, the last one again and again."""

    def __init__(self) -> None:
        self.script: Script = []
        self.queries: list[str] = []
        wire = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                pass

            def date_time_string(self, timestamp: float | None = None) -> str:
                return DATE

            def do_GET(self) -> None:
                wire.queries.append(parse_qs(urlsplit(self.path).query)["query"][0])
                status, text = wire.script.pop(0) if len(wire.script) > 1 else wire.script[0]
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"


@pytest.fixture
def wire() -> Iterator[Wire]:
    made = Wire()
    thread = threading.Thread(target=made.server.serve_forever)
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


def matrix(*found: tuple[dict[str, str], list[Any]]) -> bytes:
    result = [{"metric": metric, "values": values} for metric, values in found]
    return json.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}}).encode()


UP = ({"__name__": "up", "instance": "a"}, [[9990.5, "1"], [9995.5, "2"]])


def test_the_newest_sample_of_each_series_comes_with_its_own_time(wire: Wire) -> None:
    wire.script = [(200, matrix(UP, ({"__name__": "down"}, [])))]
    found = Prometheus(wire.url + "/").newest('{__name__=~"up|down"}')
    assert found == Found([Series("up", {"instance": "a"}, 9995.5, 2.0)], 10_000.0)
    assert wire.queries == ['{__name__=~"up|down"}[300s]']


def test_a_fault_that_passes_is_asked_again(wire: Wire) -> None:
    wire.script = [(503, b"not ready"), (429, b""), (200, matrix(UP))]
    pauses: list[float] = []
    assert len(Prometheus(wire.url, sleep=pauses.append).newest("up").series) == 1
    assert pauses == [0.5, 1.0]


@pytest.mark.parametrize(
    ("script", "said", "asked"),
    [
        ([(503, b"starting")], "within 3 attempts, got status 503: starting", 3),
        ([(400, b'{"status":"error","error":"parse error: x"}')], "got status 400: parse error: x", 1),
        ([(404, b"<html>")], "got status 404: <html>", 1),
        ([(200, b"<html>")], r"samples over time \(a matrix\), got b'<html>'", 1),
        ([(200, b'{"status":"error"}')], "samples over time", 1),
        ([(200, b'{"status":"success","data":{"resultType":"vector","result":[]}}')], "samples over time", 1),
        ([(200, matrix(({}, [[1.0, "1"]])))], "samples over time", 1),
        ([(200, matrix(({"__name__": "up"}, [[1.0]])))], "samples over time", 1),
    ],
)
def test_what_is_no_answer_is_told(wire: Wire, script: Script, said: str, asked: int) -> None:
    wire.script = script
    with pytest.raises(ServingError, match=said):
        Prometheus(wire.url, sleep=lambda _: None).newest("up")
    assert len(wire.queries) == asked


def test_nobody_at_the_address_is_told() -> None:
    with pytest.raises(ServingError, match=r"Prometheus at http://127\.0\.0\.1:1: .* got no answer: .*refused"):
        Prometheus("http://127.0.0.1:1", sleep=lambda _: None).newest("up")


@pytest.mark.parametrize("url", ["", "prometheus:9090", "ftp://prometheus", "http://"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ArgumentError, match=r"^prometheus: expected an address like"):
        Prometheus(url)


def envoy(arm: str, count: float, at: float) -> tuple[dict[str, str], list[Any]]:
    labels = {"envoy_cluster_name": arm, "envoy_response_code_class": "2", "instance": "p", "job": "envoy"}
    return {"__name__": "envoy_cluster_upstream_rq_xx", **labels}, [[at, str(count)]]


def router(lost: float, uptime: float = 500.0, at: float = 9998.0) -> bytes:
    labels = {"instance": "p", "job": "envoy"}
    return matrix(
        ({"__name__": "envoy_server_uptime", **labels}, [[at, str(uptime)]]),
        ({"__name__": "envoy_http_no_cluster", **labels}, [[at, str(lost)]]),
    )


def arms_at(at: float = 9998.0, more: float = 0.0) -> bytes:
    return matrix(envoy("r/backend/0", 90.0 + more, at), envoy("r/backend/1", 10.0 + more, at))


CHAMPION, CHALLENGER = Arm(["r/backend/0"], "late-1"), Arm(["r/backend/1", "r-mirror-0"], "late-2")


def counters(wire: Wire, *answers: bytes) -> Counters:
    """Answers in pairs: of the router, then of the arms."""
    wire.script = [(200, answer) for answer in answers]
    return Counters(Prometheus(wire.url, sleep=lambda _: None), ENVOY, clock=lambda: 5.0)


def test_both_arms_are_read_at_the_time_of_their_samples(wire: Wire) -> None:
    reader = counters(wire, router(7.0), arms_at(), router(7.0, at=9999.0), arms_at(9999.0, 9.0))
    for at, champion, challenger in ((9998.0, 0, 0), (9999.0, 9, 9)):
        reading = reader.read(CHAMPION, CHALLENGER, since=9000.0, impaired=False)
        assert reading.champion is not None
        assert reading.challenger is not None
        assert (reading.at, reading.champion.requests, reading.challenger.requests) == (at, champion, challenger)
        assert (reading.unserved, reading.problem) == (0, "")
        assert (reading.champion.epoch, reading.challenger.epoch) == ("late-1 since 5.000", "late-2 since 5.000")
    assert r'envoy_cluster_name=~"r/backend/0|r/backend/1|r\\-mirror\\-0"' in wire.queries[1]


def test_outputs_come_from_the_servers_and_are_never_more_than_the_requests(wire: Wire) -> None:
    def arm(invalid: float, *, problem: str = "") -> Arm:
        where = {"instance": "10.1.1.1:8080"}
        outputs = [
            Series("process_start_time_seconds", where, 0.0, 100.0),
            Series("foldline_invalid_outputs", {**where, "reason": "not_finite"}, 0.0, invalid),
            Series("foldline_predictions_bucket", {**where, "le": "0.5"}, 0.0, 2 * invalid),
            Series("foldline_predictions_bucket", {**where, "le": "+Inf"}, 0.0, 3 * invalid),
        ]
        return Arm(CHAMPION.names, "late-1", [] if problem else outputs, problem)

    reader = counters(wire, *[text for more in (0.0, 4.0, 8.0, 9.0) for text in (router(0.0), arms_at(9998.0, more))])
    seen = []
    for given in (arm(50.0), arm(56.0), arm(57.0), arm(0.0, problem="its server has no metrics")):
        reading = reader.read(given, None, since=0.0, impaired=False)
        assert reading.champion is not None
        seen.append((reading.champion.requests, reading.champion.invalid, reading.champion.predictions))
    assert [(requests, invalid) for requests, invalid, _ in seen] == [(0, 0), (4, 4), (8, 7), (9, None)]
    assert seen[2][2] == Histogram((0.5,), (14, 7))
    assert reading.problem == "champion: its server has no metrics"


@pytest.mark.parametrize(
    ("answers", "since", "problem"),
    [
        ((router(0.0), arms_at(9800.0)), 0.0, "its last sample is 200 s old"),
        ((router(0.0), arms_at()), 9999.0, "no sample since the route changed"),
        ((router(0.0), matrix()), 0.0, "Prometheus has no series of it"),
        ((b"{}",), 0.0, "samples over time"),
    ],
)
def test_what_is_missing_is_none_with_a_reason(
    wire: Wire, answers: tuple[bytes, ...], since: float, problem: str
) -> None:
    reading = counters(wire, *answers).read(CHAMPION, CHALLENGER, since=since, impaired=False)
    assert (reading.champion, reading.challenger, reading.unserved) == (None, None, None)
    assert problem in reading.problem


def test_an_arm_that_is_missing_alone_is_named(wire: Wire) -> None:
    one = matrix(envoy("r/backend/0", 90.0, 9998.0))
    reading = counters(wire, router(0.0), one).read(CHAMPION, CHALLENGER, since=0.0, impaired=False)
    assert reading.champion is not None
    assert (reading.challenger, reading.problem) == (None, "challenger: Prometheus has no series of it")


def test_an_arm_that_the_route_does_not_have_is_none_without_a_problem(wire: Wire) -> None:
    reading = counters(wire, router(0.0), arms_at()).read(None, CHALLENGER, since=0.0, impaired=False)
    assert (reading.champion, reading.problem) == (None, "")
    assert counters(wire, b"").read(None, None, since=0.0, impaired=False).problem == "the route has no arm"


@pytest.mark.parametrize(
    ("looks", "unserved"),
    [
        ([(5.0, False), (9.0, False)], 0),
        ([(5.0, True), (9.0, True)], 4),
        ([(5.0, False), (9.0, True)], 4),
        ([(5.0, True), (9.0, False), (20.0, False)], 4),
        ([(5.0, True), (2.0, True)], 2),
    ],
    ids=["of other routes", "while impaired", "became impaired", "was impaired", "router started again"],
)
def test_what_nobody_served_counts_while_the_route_is_impaired(
    wire: Wire, looks: list[tuple[float, bool]], unserved: int
) -> None:
    reader = counters(wire, *[text for lost, _ in looks for text in (router(lost), arms_at())])
    readings = [reader.read(CHAMPION, CHALLENGER, since=0.0, impaired=impaired) for _, impaired in looks]
    assert (readings[0].unserved, readings[-1].unserved) == (0, unserved)


def test_a_router_that_started_again_goes_on_counting(wire: Wire) -> None:
    looks = [
        (router(0.0), arms_at()),
        (router(0.0, 503.0), arms_at(9998.0, 5.0)),
        (router(0.0, 2.0), arms_at(9998.0, -80.0)),
    ]
    reader = counters(wire, *[text for look in looks for text in look])
    counted = []
    for _ in looks:
        champion = reader.read(CHAMPION, None, since=0.0, impaired=False).champion
        assert champion is not None
        counted.append(champion.requests)
    assert counted == [0, 5, 15]


def test_the_clock_of_prometheus_is_taken_where_it_tells_the_time() -> None:
    assert read(matrix(), DATE, "it").now == 10_000.0
    assert read(matrix(), "", "it").now > 1e9
