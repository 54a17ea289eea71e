"""What Prometheus says of a server, asked over HTTP."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest

from builders.monitored import BEGIN, DAY_S, VERSION
from foldline.errors import ServingError
from foldline.operations.monitor_predictions.measured import measure
from foldline.operations.monitor_predictions.periods import Periods
from foldline.serving.deploy_canary.metrics.prometheus import Prometheus

PERIODS = Periods(BEGIN * 1_000_000, DAY_S * 1_000_000, 3)
ENDS = [BEGIN + DAY_S * day for day in (1, 2, 3)]
Result = list[dict[str, Any]]


def series(*values: float | None, **labels: str) -> dict[str, Any]:
    pairs = zip(ENDS, values, strict=True)
    return {"metric": labels, "values": [[end, str(value)] for end, value in pairs if value is not None]}


SERVED: dict[str, Result] = {
    "requests_total": [
        series(90.0, 180.0, None, code="200"),
        series(10.0, None, None, code="400"),
        series(None, 20.0, None, code="500"),
    ],
    "quantile(0.5": [series(2.0, 3.0, None)],
    "quantile(0.95": [series(20.0, float("nan"), None)],
    "cpu_seconds": [series(0.5, 0.75, None)],
    "memory_bytes": [series(300.0, 310.0, None)],
}


@contextmanager
def answering(results: dict[str, Result], status: int = 200) -> Iterator[tuple[str, list[dict[str, str]]]]:
    """A server that answers a range query by the first key that the query holds; its address, and what was asked."""
    asked: list[dict[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {name: value[0] for name, value in parse_qs(parts.query).items()}
            asked.append({"path": parts.path, **query})
            result = next((found for key, found in results.items() if key in query["query"]), [])
            body = json.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}}).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()


def test_five_queries_tell_of_each_period() -> None:
    with answering(SERVED) as (url, asked):
        found = measure(Prometheus(url), VERSION, PERIODS)
    assert found.problem == ""
    assert {
        name: np.round(values, 4).tolist() for name, values in found.figures.items() if name != "latency p95 ms"
    } == {
        "latency p50 ms": pytest.approx([2.0, 3.0, np.nan], nan_ok=True),
        "CPU cores": pytest.approx([0.5, 0.75, np.nan], nan_ok=True),
        "memory MiB": pytest.approx([300.0, 310.0, np.nan], nan_ok=True),
        "requests": [100.0, 200.0, 0.0],
        "refused": pytest.approx([0.1, 0.0, np.nan], nan_ok=True),
        "server errors": pytest.approx([0.0, 0.1, np.nan], nan_ok=True),
    }
    assert len(asked) == 5
    for query in asked:
        assert query["path"] == "/api/v1/query_range"
        assert (float(query["start"]), float(query["end"]), query["step"]) == (ENDS[0], ENDS[-1], str(DAY_S))
        assert f'model_version="{VERSION}"' in query["query"]
        assert "{{" not in query["query"]


def test_a_prometheus_that_does_not_answer_is_a_problem_in_words() -> None:
    with answering({}, status=400) as (url, _):
        assert "status 400" in measure(Prometheus(url), VERSION, PERIODS).problem
    refused = Prometheus("http://127.0.0.1:9", sleep=lambda _: None)
    assert "no answer" in measure(refused, VERSION, PERIODS).problem


def test_a_prometheus_that_knows_no_such_server_measures_nothing() -> None:
    with answering({}) as (url, _):
        found = measure(Prometheus(url), VERSION, PERIODS)
    assert found.figures == {}
    assert found.problem == f"no samples of a server of version {VERSION}"


def test_an_answer_of_another_form_is_refused() -> None:
    broken: Result = [{"metric": {}, "values": [["soon", "1"]]}]
    with answering({"up": broken}) as (url, _), pytest.raises(ServingError, match="samples over time"):
        Prometheus(url).over("up", 0.0, 10.0, 5)
