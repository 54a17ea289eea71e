"""The HTTP API of Prometheus at the wire: what it refuses, delays or garbles is told."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from builders.wire import DROP, Answers, Reply, Wire, in_turn, serving
from foldline.errors import ArgumentError, ServingError
from foldline.serving.deploy_canary.metrics.counters import Arm, Counters
from foldline.serving.deploy_canary.metrics.profiles import ENVOY
from foldline.serving.deploy_canary.metrics.prometheus import Prometheus, Series, read
from foldline.serving.reading import Histogram

# An hour ahead, so that no sample grows old while a slow machine tests.
NOW = float(round(time.time()) + 3600)


def scripted(*script: tuple[int, bytes]) -> Answers:
    return in_turn(*[Reply(status, text) for status, text in script])


def queries(wire: Wire) -> list[str]:
    return [asked.query["query"] for asked in wire.asked]


def matrix(*found: tuple[dict[str, str], list[Any]]) -> bytes:
    result = [{"metric": metric, "values": values} for metric, values in found]
    return json.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}}).encode()


UP = ({"__name__": "up", "instance": "a"}, [[NOW - 9.5, "1"], [NOW - 4.5, "2"]])


def test_the_newest_sample_of_each_series_comes_with_its_own_time() -> None:
    with serving(scripted((200, matrix(UP, ({"__name__": "down"}, []))))) as wire:
        found = Prometheus(wire.address + "/").newest('{__name__=~"up|down"}')
    assert found.series == [Series("up", {"instance": "a"}, NOW - 4.5, 2.0)]
    assert found.now == pytest.approx(NOW - 3600, abs=600)
    assert queries(wire) == ['{__name__=~"up|down"}[300s]']


def test_a_fault_that_passes_is_asked_again() -> None:
    pauses: list[float] = []
    with serving(scripted((503, b"not ready"), (429, b""), (200, matrix(UP)))) as wire:
        assert len(Prometheus(wire.address, sleep=pauses.append).newest("up").series) == 1
    assert pauses == [0.5, 1.0]


@pytest.mark.parametrize(
    ("status", "text", "said", "asked"),
    [
        (503, b"starting", "within 3 attempts, got status 503: starting", 3),
        (400, b'{"status":"error","error":"parse error: x"}', "got status 400: parse error: x", 1),
        (404, b"<html>", "got status 404: <html>", 1),
        (200, b"<html>", r"samples over time \(a matrix\), got b'<html>'", 1),
        (200, b'{"status":"error"}', "samples over time", 1),
        (200, b'{"status":"success","data":{"resultType":"vector","result":[]}}', "samples over time", 1),
        (200, matrix(({}, [[1.0, "1"]])), "samples over time", 1),
        (200, matrix(({"__name__": "up"}, [[1.0]])), "samples over time", 1),
    ],
)
def test_what_is_no_answer_is_told(status: int, text: bytes, said: str, asked: int) -> None:
    with serving(scripted((status, text))) as wire, pytest.raises(ServingError, match=said):
        Prometheus(wire.address, sleep=lambda _: None).newest("up")
    assert len(wire.asked) == asked


def test_a_connection_that_breaks_off_is_told() -> None:
    with serving(in_turn(DROP)) as wire, pytest.raises(ServingError, match="within 3 attempts, got no answer"):
        Prometheus(wire.address, sleep=lambda _: None).newest("up")
    assert len(wire.asked) == 3


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


def router(lost: float, uptime: float = 500.0, at: float = NOW - 2.0) -> bytes:
    labels = {"instance": "p", "job": "envoy"}
    return matrix(
        ({"__name__": "envoy_server_uptime", **labels}, [[at, str(uptime)]]),
        ({"__name__": "envoy_http_no_cluster", **labels}, [[at, str(lost)]]),
    )


def arms_at(at: float = NOW - 2.0, more: float = 0.0) -> bytes:
    return matrix(envoy("r/backend/0", 90.0 + more, at), envoy("r/backend/1", 10.0 + more, at))


CHAMPION, CHALLENGER = Arm(["r/backend/0"], "late-1"), Arm(["r/backend/1", "r-mirror-0"], "late-2")


@contextmanager
def reading_from(*answers: bytes) -> Iterator[tuple[Counters, Wire]]:
    """Answers in pairs: of the router, then of the arms."""
    with serving(scripted(*[(200, answer) for answer in answers])) as wire:
        yield Counters(Prometheus(wire.address, sleep=lambda _: None), ENVOY, clock=lambda: 5.0), wire


def test_both_arms_are_read_at_the_time_of_their_samples() -> None:
    looks = (router(7.0), arms_at(), router(7.0, at=NOW - 1.0), arms_at(NOW - 1.0, 9.0))
    with reading_from(*looks) as (reader, wire):
        for at, count in ((NOW - 2.0, 0), (NOW - 1.0, 9)):
            reading = reader.read(CHAMPION, CHALLENGER, since=NOW - 100.0, impaired=False)
            assert reading.champion is not None
            assert reading.challenger is not None
            assert (reading.at, reading.champion.requests, reading.challenger.requests) == (at, count, count)
            assert (reading.unserved, reading.problem) == (0, "")
            assert (reading.champion.epoch, reading.challenger.epoch) == ("late-1 since 5.000", "late-2 since 5.000")
    assert r'envoy_cluster_name=~"r/backend/0|r/backend/1|r\\-mirror\\-0"' in queries(wire)[1]


def test_outputs_come_from_the_servers_and_are_never_more_than_the_requests() -> None:
    def arm(invalid: float, *, problem: str = "") -> Arm:
        where = {"instance": "10.1.1.1:8080"}
        outputs = [
            Series("process_start_time_seconds", where, 0.0, 100.0),
            Series("foldline_invalid_outputs", {**where, "reason": "not_finite"}, 0.0, invalid),
            Series("foldline_predictions_bucket", {**where, "le": "0.5"}, 0.0, 2 * invalid),
            Series("foldline_predictions_bucket", {**where, "le": "+Inf"}, 0.0, 3 * invalid),
        ]
        return Arm(CHAMPION.names, "late-1", [] if problem else outputs, problem)

    looks = [text for more in (0.0, 4.0, 8.0, 9.0) for text in (router(0.0), arms_at(NOW - 2.0, more))]
    seen = []
    with reading_from(*looks) as (reader, _):
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
        ((router(0.0), arms_at(NOW - 9000.0)), 0.0, "its last sample is "),
        ((router(0.0), arms_at()), NOW - 1.0, "no sample since the route changed"),
        ((router(0.0), matrix()), 0.0, "Prometheus has no series of it"),
        ((b"{}",), 0.0, "samples over time"),
    ],
)
def test_what_is_missing_is_none_with_a_reason(answers: tuple[bytes, ...], since: float, problem: str) -> None:
    with reading_from(*answers) as (reader, _):
        reading = reader.read(CHAMPION, CHALLENGER, since=since, impaired=False)
    assert (reading.champion, reading.challenger, reading.unserved) == (None, None, None)
    assert problem in reading.problem


def test_bins_that_are_nonsense_once_do_not_spoil_the_looks_after_them() -> None:
    def look(at: float, count: float, *edges: str) -> tuple[bytes, bytes]:
        bins = [
            (
                {
                    "__name__": "envoy_cluster_upstream_rq_time_bucket",
                    "envoy_cluster_name": "r/backend/0",
                    "instance": "p",
                    "job": "envoy",
                    "le": edge,
                },
                [[at, str(count)]],
            )
            for edge in edges
        ]
        return router(0.0, at=at), matrix(envoy("r/backend/0", count, at), *bins)

    right = ("5", "5000", "+Inf")
    looks = [look(NOW - 9.0, 5.0, *right), look(NOW - 6.0, 6.0, "5e6", "5e9", "+Inf"), look(NOW - 3.0, 9.0, *right)]
    with reading_from(*(answer for pair in looks for answer in pair)) as (reader, _):
        told = [reader.read(CHAMPION, None, since=0.0, impaired=False) for _ in looks]
    assert "is 5e+09 ms, read in ms: that is not its unit" in told[1].problem
    assert [one.champion.requests if one.champion else None for one in told] == [0, None, 4]


def test_an_arm_that_is_missing_alone_is_named() -> None:
    with reading_from(router(0.0), matrix(envoy("r/backend/0", 90.0, NOW - 2.0))) as (reader, _):
        reading = reader.read(CHAMPION, CHALLENGER, since=0.0, impaired=False)
    assert reading.champion is not None
    assert (reading.challenger, reading.problem) == (None, "challenger: Prometheus has no series of it")


def test_an_arm_that_the_route_does_not_have_is_none_without_a_problem() -> None:
    with reading_from(router(0.0), arms_at()) as (reader, _):
        reading = reader.read(None, CHALLENGER, since=0.0, impaired=False)
        assert (reading.champion, reading.problem) == (None, "")
        assert reader.read(None, None, since=0.0, impaired=False).problem == "the route has no arm"


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
def test_what_nobody_served_counts_while_the_route_is_impaired(looks: list[tuple[float, bool]], unserved: int) -> None:
    with reading_from(*[text for lost, _ in looks for text in (router(lost), arms_at())]) as (reader, _):
        readings = [reader.read(CHAMPION, CHALLENGER, since=0.0, impaired=impaired) for _, impaired in looks]
    assert (readings[0].unserved, readings[-1].unserved) == (0, unserved)


def test_a_router_that_started_again_goes_on_counting() -> None:
    looks = [(500.0, 0.0), (503.0, 5.0), (2.0, -80.0)]
    answers = [text for up, more in looks for text in (router(0.0, up), arms_at(NOW - 2.0, more))]
    counted = []
    with reading_from(*answers) as (reader, _):
        for _ in looks:
            champion = reader.read(CHAMPION, None, since=0.0, impaired=False).champion
            assert champion is not None
            counted.append(champion.requests)
    assert counted == [0, 5, 15]


def test_the_clock_of_prometheus_is_taken_where_it_tells_the_time() -> None:
    assert read(matrix(), "Thu, 01 Jan 1970 02:46:40 GMT", "it").now == 10_000.0
    assert read(matrix(), "", "it").now > 1e9
