"""What the model server counts: as many as a client counted, by reason, at fixed edges."""

import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

from builders import models
from builders.serving import Server, running
from foldline.artifacts import Model
from foldline.serving.server.metrics import SECONDS, Metrics, prediction_edges
from foldline.store import version_of

PREDICT = "/v1/models/late:predict"
INFER = "/v2/models/late/infer"
V2 = {"inputs": [{"name": "distance", "datatype": "FP32", "shape": [1], "data": [0.5]}]}
Series = dict[tuple[str, frozenset[tuple[str, str]]], float]


def read(server: Server) -> Series:
    """Value of each series, by its name and its labels without the model's."""
    answer = server.ask("/metrics")
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    return {
        (sample.name, frozenset((key, value) for key, value in sample.labels.items() if not key.startswith("model_"))):
        sample.value
        for family in text_string_to_metric_families(answer.content)
        for sample in family.samples
    }  # fmt: skip


def value(series: Series, name: str, **labels: str) -> float:
    return series.get((name, frozenset(labels.items())), 0.0)


def test_the_counts_are_those_of_the_client(model: Model) -> None:
    with running("--model-dir", str(model.path), "--model", "late") as server:
        before = read(server)
        rows = [{"distance": float(distance)} for distance in np.linspace(-3, 3, 40)]
        answers = [server.ask(PREDICT, {"instances": rows[:count]}) for count in (1, 3, 36)]
        answers += [server.ask(INFER, V2) for _ in range(2)]
        refused = [
            server.ask(PREDICT, {"instances": [{"wind": 1}]}),
            server.ask(PREDICT, {"instances": []}),
            server.ask("/v2/models/other/infer", V2),
        ]
        for path in ("/v2/health/live", "/v2/health/ready", "/v1/models/late", "/nowhere"):
            server.ask(path)
        after = read(server)
    assert [answer.status for answer in answers + refused] == [200] * 5 + [400, 400, 404]
    counted = {key: count for key, count in after.items() if key[0] == "foldline_requests_total"}
    assert counted == {
        ("foldline_requests_total", frozenset({"protocol": protocol, "code": code, "reason": reason}.items())): count
        for protocol, code, reason, count in (
            ("v1", "200", "ok", 3),
            ("v2", "200", "ok", 2),
            ("v1", "400", "bad_request", 2),
            ("v2", "404", "unknown_model", 1),
        )
    }
    assert value(after, "foldline_request_seconds_count") == 8
    assert value(after, "foldline_request_rows_count") == 5
    assert value(after, "foldline_request_rows_sum") == 42
    assert value(after, "foldline_batch_rows_sum") == 42
    assert value(after, "foldline_batch_requests_sum") == value(after, "foldline_predict_seconds_count") == 5
    assert value(after, "foldline_requests_in_flight") == 0
    assert value(after, "foldline_ready") == value(before, "foldline_ready") == 1
    predictions = np.concatenate([answer.content["predictions"] for answer in answers[:3]] + [
        answer.content["outputs"][0]["data"] for answer in answers[3:]
    ])  # fmt: skip
    assert value(after, "foldline_predictions_count") == 42
    for edge in prediction_edges(models.BINARY):
        below = value(after, "foldline_predictions_bucket", le=str(edge))
        assert below == (predictions <= edge).sum(), edge


def test_every_series_of_the_server_names_the_models_version(server: Server, model: Model) -> None:
    samples = [
        sample
        for family in text_string_to_metric_families(server.ask("/metrics").content)
        for sample in family.samples
        if sample.name.startswith("foldline_")
    ]
    assert samples
    labels = {(sample.labels["model_name"], sample.labels["model_version"]) for sample in samples}
    assert labels == {("late", version_of(model.digest))}


@pytest.mark.parametrize(
    ("kind", "changed", "reason"),
    [
        ("binary", {"bias": math.nan}, "not_finite"),
        ("regression", {"bias": math.inf}, "not_finite"),
        ("binary", {"bias": 1.5, "bounded": False}, "out_of_range"),
        ("binary", {"bias": -0.1, "weight": 0.0, "bounded": False}, "out_of_range"),
    ],
)
def test_an_output_that_is_no_prediction_is_a_500_and_counted(
    place: Path, kind: str, changed: dict[str, Any], reason: str
) -> None:
    folder = place / f"invalid-{kind}-{changed['bias']}"
    model = models.model(folder, [1], kind, **changed)
    with running("--model-dir", str(model.path), "--model", "late") as server:
        answers = [server.ask(PREDICT, {"instances": [{}, {}]}), server.ask(INFER, V2)]
        after = read(server)
    assert [answer.status for answer in answers] == [500, 500]
    assert answers[0].content["error"].startswith("prediction of row 0: expected")
    assert value(after, "foldline_invalid_outputs_total", reason=reason) == 2
    assert value(after, "foldline_requests_total", protocol="v1", code="500", reason=reason) == 1
    assert value(after, "foldline_predictions_count") == 0


def test_two_servers_in_one_process_count_for_themselves() -> None:
    first, second = (Metrics("late", version, models.BINARY) for version in ("1", "2"))
    first.answered("v1", 200, "ok", 0.001)
    assert b'code="200"' in first.text()
    assert b'code="200"' not in second.text()


def test_the_edges_of_latency_serve_a_limit_anywhere_from_1_ms_to_10_s() -> None:
    assert (SECONDS[0], SECONDS[-1]) == (0.001, 10.0)
    assert all(1.0 < high / low < 1.7 for low, high in pairwise(SECONDS))


@pytest.mark.parametrize("task", models.TASKS.values(), ids=lambda task: task.kind)
def test_the_edges_of_predictions_ascend(task: object) -> None:
    edges = prediction_edges(task)  # type: ignore[arg-type]
    assert list(edges) == sorted(set(edges))
