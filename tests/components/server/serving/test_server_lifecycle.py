"""A model server from its first moment to its last: listening, loading, ready, draining, gone."""

import http.client
import json
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from builders import models
from builders.serving import READY_S, Answer, Server, running
from foldline.artifacts import Model
from foldline.errors import ArtifactError
from foldline.serving.server.app import build_app
from foldline.serving.server.batching import Predict
from foldline.serving.server.listening import ModelServer, listen
from foldline.serving.server.served import Batching, Served

PREDICT = "/v1/models/late:predict"
ROWS = {"instances": [{"distance": 0.5}]}


def half(tensors: Any) -> np.ndarray:
    return np.full((len(tensors["distance"]), 1), 0.5, np.float32)


@contextmanager
def inside(model: Model, load: Callable[[], Predict], drain_s: float = READY_S) -> Iterator[tuple[ModelServer, Server]]:
    """A server on a thread of this process, whose loading the test holds in its hand."""
    served = Served(model, name="late", version="v7")
    server = ModelServer(build_app(served), served, load, batching=Batching(100, 0.0), drain_s=drain_s)
    listener = listen("127.0.0.1", 0)
    port = listener.getsockname()[1]
    thread = threading.Thread(target=server.serve_on, args=(listener,), daemon=True)
    thread.start()
    try:
        yield server, Server(None, port)  # type: ignore[arg-type]
    finally:
        server.handle_exit(signal.SIGINT, None)
        thread.join(READY_S)
        assert not thread.is_alive()


def until(ask: Callable[[], Answer], status: int) -> Answer:
    deadline = time.monotonic() + READY_S
    while (answer := ask()).status != status:
        assert time.monotonic() < deadline, answer
        time.sleep(0.02)
    return answer


def test_it_lives_while_it_loads_and_is_ready_when_it_can_answer(model: Model) -> None:
    go = threading.Event()

    def load() -> Predict:
        assert go.wait(READY_S)
        return half

    with inside(model, load) as (_, server):
        assert server.ask("/v2/health/live").status == 200
        waiting = {"ready": False, "reason": "loading the model"}
        assert server.ask("/v2/health/ready")[:2] == (503, waiting)
        assert server.ask("/v2/models/late/ready")[:2] == (503, {"name": "late"} | waiting)
        assert server.ask("/v1/models/late").content["model_version_status"][0]["state"] == "LOADING"
        assert server.ask("/v2/models/late").status == 200
        early = server.ask(PREDICT, ROWS)
        assert (early.status, early.headers["x-foldline-model-version"]) == (503, "v7")
        assert early.content == {"error": "model late: expected ready, got loading the model."}
        assert "foldline_ready{" in server.ask("/metrics").content
        go.set()
        until(lambda: server.ask("/v2/health/ready"), 200)
        assert server.ask(PREDICT, ROWS).content == {"predictions": [0.5]}


def test_told_to_end_it_is_not_ready_and_answers_each_connection_once_more(model: Model) -> None:
    with inside(model, lambda: half) as (process, server):
        until(lambda: server.ask("/v2/health/ready"), 200)
        kept = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        kept.request("POST", PREDICT, json.dumps(ROWS))
        first = kept.getresponse()
        assert (first.status, first.getheader("connection")) == (200, None)
        first.read()
        process.handle_exit(signal.SIGTERM, None)
        answer = server.ask("/v2/health/ready")
        assert (answer.status, answer.content) == (503, {"ready": False, "reason": "ending"})
        assert server.ask("/v2/health/live").status == 200
        kept.request("POST", PREDICT, json.dumps(ROWS))
        last = kept.getresponse()
        assert (last.status, last.getheader("connection")) == (200, "close")
        last.read()
        assert server.ask("/v1/models/late").content["model_version_status"][0]["state"] == "UNLOADING"
        assert server.ask(PREDICT, ROWS).status == 200


@pytest.mark.parametrize(
    "fault",
    [ArtifactError("a", expected="b", got="c"), ImportError("no TensorFlow")],
    ids=lambda one: type(one).__name__,
)
def test_a_model_that_cannot_be_loaded_ends_the_server(model: Model, fault: Exception) -> None:
    def load() -> Predict:
        raise fault

    served = Served(model, name="late", version="v7")
    server = ModelServer(build_app(served), served, load, batching=Batching(100, 0.0), drain_s=READY_S)
    thread = threading.Thread(target=server.serve_on, args=(listen("127.0.0.1", 0),), daemon=True)
    thread.start()
    thread.join(READY_S)
    assert not thread.is_alive()
    assert server.fault is fault


@pytest.mark.parametrize(
    ("fault", "reason", "said"),
    [
        (ArtifactError("output", expected="shape (2, 1)", got="shape (1, 1)"), "wrong_shape", "expected shape (2, 1)"),
        (RuntimeError("table is gone"), "model_error", "expected predictions, got RuntimeError: table is gone"),
    ],
    ids=["wrong-shape", "model-error"],
)
def test_a_model_that_fails_for_a_request_is_a_500_with_its_reason_and_serves_the_next(
    model: Model, fault: Exception, reason: str, said: str
) -> None:
    def predict(tensors: Any) -> np.ndarray:
        if len(tensors["distance"]) == 2:
            raise fault
        return half(tensors)

    with inside(model, lambda: predict) as (_, server):
        until(lambda: server.ask("/v2/health/ready"), 200)
        failed = server.ask(PREDICT, {"instances": [{}, {}]})
        assert failed.status == 500
        assert said in failed.content["error"]
        assert server.ask(PREDICT, ROWS).status == 200
        measured = server.ask("/metrics").content
    counted = [line for line in measured.splitlines() if f'reason="{reason}"' in line and not line.endswith(" 0.0")]
    names = {line.partition("{")[0] for line in counted if "_created" not in line}
    assert names == {"foldline_requests_total"} | (
        {"foldline_invalid_outputs_total"} if reason == "wrong_shape" else set()
    )


def test_a_rollout_away_from_a_server_under_load_loses_no_request(model: Model) -> None:
    """A load balancer in little: it asks for readiness and stops sending once told; then the process may go."""
    told = threading.Event()
    ending = threading.Event()
    answers: list[tuple[int, bool]] = []

    def client(port: int) -> None:
        while not told.is_set():
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=READY_S)
            stays = True
            while stays and not told.is_set():
                after = ending.is_set()
                connection.request("POST", PREDICT, json.dumps(ROWS))
                answer = connection.getresponse()
                answers.append((answer.status, after))
                stays = answer.getheader("connection") != "close"
                answer.read()
            connection.close()

    with running("--model-dir", str(model.path), "--model", "late", "--drain-s", str(READY_S)) as server:
        clients = [threading.Thread(target=client, args=(server.port,)) for _ in range(6)]
        for one in clients:
            one.start()
        until(lambda: Answer(200 if len(answers) > 100 else 0, None, {}), 200)
        server.process.send_signal(signal.SIGTERM)
        until(lambda: server.ask("/v2/health/ready"), 503)
        ending.set()
        before = len(answers)
        until(lambda: Answer(200 if len(answers) > before + 50 else 0, None, {}), 200)
        told.set()
        for one in clients:
            one.join(READY_S)
        assert not any(one.is_alive() for one in clients)
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(timeout=READY_S) == 0
    assert {status for status, _ in answers} == {200}
    assert any(after for _, after in answers)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_told_to_end_while_it_loads_it_ends_with_0(model: Model, number: signal.Signals) -> None:
    with running("--model-dir", str(model.path), "--model", "late", "--drain-s", "0", ready=False) as server:
        server.process.send_signal(number)
        assert server.process.wait(timeout=READY_S) == 0
        assert server.process.stderr is not None
        assert "Traceback" not in server.process.stderr.read()


def test_a_row_that_has_no_finite_prediction_fails_its_own_request_only(place: Path) -> None:
    model = models.model(place / "overflow", [1], "regression", weight=3e38, delay_ms=20)
    bad, good = {"instances": [{"distance": 0.1}, {"distance": 9.0}]}, {"instances": [{"distance": 0.1}] * 2}
    answers: dict[str, list[Answer]] = {"bad": [], "good": []}
    with running("--model-dir", str(model.path), "--model", "late", "--batch-wait-ms", "20") as server:
        wanted = server.ask(PREDICT, good)
        assert wanted.status == 200

        def ask(kind: str, content: Any) -> None:
            answers[kind] += [server.ask(PREDICT, content) for _ in range(10)]

        threads = [threading.Thread(target=ask, args=pair) for pair in (("bad", bad), ("good", good)) * 3]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(READY_S)
        measured = server.ask("/metrics").content
    assert [answer.status for answer in answers["bad"]] == [500] * 30
    assert {answer.content["error"] for answer in answers["bad"]} == {
        "prediction of row 1: expected finite numbers, got NaN or infinity in 1 of 2 rows."
    }
    assert [answer.content for answer in answers["good"]] == [wanted.content] * 30
    calls = next(line for line in measured.splitlines() if line.startswith("foldline_batch_requests_count"))
    assert float(calls.split()[-1]) < 61, "no two requests were answered by one call"
