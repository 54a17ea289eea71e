"""The model server: both protocols, the client's faults as 4xx, its own as 5xx."""

import concurrent.futures
import math
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from builders import models
from builders.serving import Server, running
from foldline.artifacts import Dataset, Model
from foldline.artifacts.signature import tensors_from_table
from foldline.predictor import Predictor
from foldline.store import open_store, version_of

PREDICT = "/v1/models/late:predict"
INFER = "/v2/models/late/infer"
ROW = {"distance": 0.5, "seats": 180, "night": True, "departure": "2013-05-01T06:30:00", "carrier": "UA"}


def records(dataset: Dataset, rows: int) -> list[dict[str, Any]]:
    listed = dataset.table([column.name for column in models.SIGNATURE]).slice(0, rows).to_pylist()
    return [
        {
            name: value.isoformat() if name == "departure" and value else value
            for name, value in row.items()
            if name != "row_id"
        }
        for row in listed
    ]


def expected(dataset: Dataset, model: Model, rows: int) -> np.ndarray:
    table = dataset.table([column.name for column in models.SIGNATURE]).slice(0, rows)
    return Predictor(model).predict(tensors_from_table(table, model.signature))


def test_v1_and_v2_give_the_saved_models_own_predictions(server: Server, dataset: Dataset, model: Model) -> None:
    rows = records(dataset, 60)
    wanted = expected(dataset, model, 60)
    first = server.ask(PREDICT, {"instances": rows})
    assert first.status == 200
    assert np.array_equal(np.array(first.content["predictions"], np.float32), wanted[:, 0])
    datatypes = {"distance": "FP32", "seats": "INT64", "night": "BOOL", "departure": "BYTES", "carrier": "BYTES"}
    for shape in ([60], [60, 1]):
        inputs = [
            {"name": name, "datatype": kind, "shape": shape, "data": [row[name] for row in rows]}
            for name, kind in datatypes.items()
        ]
        second = server.ask(INFER, {"id": "one", "inputs": inputs})
        assert second.status == 200, second.content
        assert second.content == {
            "model_name": "late",
            "model_version": version_of(model.digest),
            "id": "one",
            "outputs": [
                {"name": "predictions", "datatype": "FP32", "shape": [60, 1], "data": first.content["predictions"]}
            ],
        }


def test_null_and_a_column_left_out_are_missing(server: Server) -> None:
    full = {"distance": 0.5}
    nulls = dict.fromkeys(ROW) | full
    answers = [server.ask(PREDICT, {"instances": [row]}).content["predictions"] for row in (full, nulls)]
    inputs = [{"name": "distance", "datatype": "FP32", "shape": [1], "data": [0.5]}]
    answers.append(server.ask(INFER, {"inputs": inputs}).content["outputs"][0]["data"])
    assert answers[0] == answers[1] == answers[2]
    assert server.ask(PREDICT, {"instances": [{}]}).content["predictions"] == [pytest.approx(0.5)]


def test_health_and_metadata_name_the_version(server: Server, model: Model) -> None:
    version = version_of(model.digest)
    assert server.ask("/v2/health/live").content == {"live": True}
    assert server.ask("/v2/health/ready").content == {"ready": True}
    status = server.ask("/v1/models/late").content["model_version_status"][0]
    assert (status["version"], status["state"]) == (version, "AVAILABLE")
    assert server.ask("/v2/models/late/ready").content == {"name": "late", "ready": True}
    described = server.ask("/v2/models/late").content
    assert described["versions"] == [version]
    assert [item["datatype"] for item in described["inputs"]] == ["FP32", "INT64", "BOOL", "BYTES", "BYTES"]
    for path in ("/v2/health/live", "/v1/models/late", "/nowhere", "/v1/models/other"):
        assert server.ask(path).headers["x-foldline-model-version"] == version


def v2(**changed: Any) -> dict[str, Any]:
    return {"inputs": [{"name": "distance", "datatype": "FP32", "shape": [1], "data": [1.0], **changed}]}


@pytest.mark.parametrize(
    ("path", "content", "said"),
    [
        (PREDICT, {"instances": [ROW, ROW | {"seats": "many"}]}, "row 1, column 'seats': expected a whole number"),
        (PREDICT, {"instances": [ROW | {"seats": 1.5}]}, "row 0, column 'seats'"),
        (PREDICT, {"instances": [ROW | {"seats": 2**63}]}, "row 0, column 'seats'"),
        (PREDICT, {"instances": [ROW | {"distance": True}]}, "row 0, column 'distance': expected a number"),
        (PREDICT, {"instances": [ROW | {"distance": 1e39}]}, "row 0, column 'distance': expected a number of 32 bits"),
        (PREDICT, {"instances": [ROW | {"distance": 10**400}]}, "expected numbers of 64 bits"),
        (PREDICT, {"instances": [ROW | {"night": 1}]}, "row 0, column 'night': expected true or false"),
        (PREDICT, {"instances": [ROW | {"departure": "soon"}]}, "row 0, column 'departure': expected a time"),
        (PREDICT, {"instances": [ROW | {"carrier": 7}]}, "row 0, column 'carrier': expected text"),
        (PREDICT, {"instances": [ROW | {"carrier": "\ud800"}]}, "text in UTF-8"),
        (PREDICT, {"instances": [ROW | {"wind": 7}]}, "row 0: expected the columns"),
        (PREDICT, {"instances": [ROW | {"distance": math.nan}]}, "with null for a missing value, got NaN"),
        (PREDICT, {"instances": []}, "expected 1 to 65536 rows, got 0"),
        (PREDICT, {"instances": [{}] * 65_537}, "expected 1 to 65536 rows, got 65537"),
        (PREDICT, {"instances": [[1, 2]]}, "instances: expected a list of objects"),
        (PREDICT, {"rows": []}, "instances: expected a list of objects, one a row, got None"),
        (PREDICT, [1], "request body: expected a JSON object"),
        (PREDICT, b"{", "request body: expected a JSON object"),
        (PREDICT, b"[" * 100_000, "request body: expected a JSON object"),
        (PREDICT, b"\xff\xfe{}", "request body: expected a JSON object"),
        (INFER, {}, "inputs: expected a list of input tensors"),
        (INFER, {"inputs": []}, "inputs: expected a list of input tensors"),
        (INFER, v2(name="wind"), "unknown column 'wind'"),
        (INFER, v2(name=None), "unknown column None"),
        (INFER, v2(datatype="INT64"), "datatype of input 'distance': expected FP32 or FP64, got 'INT64'"),
        (INFER, v2(shape=[2]), "shape of input 'distance': expected [1] or [1, 1], as its data, got [2]"),
        (INFER, v2(data="1"), "data of input 'distance': expected a list of values"),
        (INFER, v2(data=["far"]), "row 0, column 'distance': expected a number or null, got 'far'"),
        (INFER, v2(data=[[1.0, 2.0]]), "row 0, column 'distance'"),
        (INFER, v2(data=[], shape=[0]), "expected 1 to 65536 rows, got 0"),
        (INFER, v2() | {"id": "\ud800"}, "id: expected text in UTF-8"),
        (INFER, {"inputs": v2()["inputs"] * 2}, "each column once, got column 'distance' twice"),
        (
            INFER,
            {"inputs": [*v2()["inputs"], {"name": "seats", "datatype": "INT64", "shape": [2], "data": [1, 2]}]},
            "input 'seats': expected 1 rows, as the others, got 2",
        ),
    ],
    ids=lambda value: None if isinstance(value, str) else "",
)
def test_the_clients_fault_is_a_400_that_names_it(server: Server, path: str, content: Any, said: str) -> None:
    answer = server.ask(path, body=content) if isinstance(content, bytes) else server.ask(path, content)
    assert answer.status == 400
    assert said in answer.content["error"]


def test_a_body_that_is_too_long_is_refused(server: Server) -> None:
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=30)
    connection.sendall(b"POST /v1/models/late:predict HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n")
    chunk = b"100000\r\n" + b" " * 0x100000 + b"\r\n"
    answer = b""
    try:
        for _ in range(40):
            connection.sendall(chunk)
    except OSError:
        pass
    answer = connection.recv(1000)
    connection.close()
    assert b" 413 " in answer.split(b"\r\n")[0]
    assert server.ask("/v2/health/live").status == 200


@pytest.mark.parametrize(
    ("path", "posted"), [("/v1/models/other", None), ("/v1/models/other:predict", {}), ("/v2/models/other/infer", {})]
)
def test_another_models_name_is_a_404(server: Server, path: str, posted: Any) -> None:
    answer = server.ask(path, posted)
    assert (answer.status, answer.content) == (404, {"error": "model: expected 'late', got 'other'."})


def test_requests_at_once_get_their_own_answers(server: Server) -> None:
    distances = np.linspace(-2, 2, 64)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda one: server.ask(PREDICT, {"instances": [{"distance": one}]}), distances))
    got = [answer.content["predictions"][0] for answer in answers]
    assert got == pytest.approx(1 / (1 + np.exp(-1.5 * distances)), abs=1e-5)


def test_a_multiclass_row_gets_a_probability_for_each_class(place: Path) -> None:
    model = models.model(place / "sizes", [1], "multiclass")
    with running("--model-dir", str(model.path), "--model", "size") as server:
        answer = server.ask("/v1/models/size:predict", {"instances": [ROW, {}]})
        assert np.array(answer.content["predictions"]).shape == (2, 3)
        assert np.sum(answer.content["predictions"], axis=1) == pytest.approx([1, 1])
        inputs = [{"name": "distance", "datatype": "FP32", "shape": [2], "data": [0.5, None]}]
        output = server.ask("/v2/models/size/infer", {"inputs": inputs}).content["outputs"][0]
        assert (output["shape"], len(output["data"])) == ([2, 3], 6)


def test_a_prediction_that_is_nan_is_a_500_and_never_null(place: Path) -> None:
    model = models.model(place / "nan", [1], bias=math.nan)
    with running("--model-dir", str(model.path), "--model", "late") as server:
        for path, content in ((PREDICT, {"instances": [ROW]}), (INFER, v2())):
            answer = server.ask(path, content)
            assert answer.status == 500
            assert answer.content["error"].startswith("prediction of row 0: expected finite numbers, got NaN")


def test_sigterm_lets_the_request_under_way_finish_and_ends_with_0(place: Path) -> None:
    model = models.model(place / "slow", [1], delay_ms=1500)
    with running("--model-dir", str(model.path), "--model", "late") as server:
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            asked = pool.submit(server.ask, PREDICT, {"instances": [ROW]})
            time.sleep(0.5)
            server.process.send_signal(signal.SIGTERM)
            assert asked.result().status == 200
        assert server.process.wait(timeout=15) == 0


def test_the_champion_of_a_store_is_served(place: Path, model: Model) -> None:
    store = open_store(str(place / "store"))
    version = store.register("late", model.path)
    store.set_alias("late", "champion", version, expected=None)
    with running("--store", str(place / "store"), "--model", "late") as server:
        answer = server.ask(PREDICT, {"instances": [ROW]})
    assert (answer.status, answer.headers["x-foldline-model-version"]) == (200, version)


def torn(place: Path) -> list[str]:
    torn_model = models.model(place / "torn", [1])
    (torn_model.saved_model / "saved_model.pb").write_bytes(b"x")
    return ["--model-dir", str(torn_model.path), "--model", "late"]


def sealed_nonsense(place: Path) -> list[str]:
    return ["--model-dir", str(models.unloadable(place / "nonsense").path), "--model", "late", "--port", "0"]


def no_alias(place: Path) -> list[str]:
    return ["--store", str(place / "empty"), "--model", "late"]


def taken_port(place: Path) -> list[str]:
    listener = socket.create_server(("127.0.0.1", 0))
    taken_port.listener = listener  # type: ignore[attr-defined]
    path = models.model(place / "taken", [1]).path
    return ["--model-dir", str(path), "--model", "late", "--port", str(listener.getsockname()[1])]


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (torn, "saved_model.pb: expected sha256:"),
        (sealed_nonsense, "expected one that TensorFlow loads"),
        (no_alias, "got an alias that was never set"),
        (taken_port, "expected a free port, got Address already in use"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_server_that_cannot_serve_ends_with_one_line(place: Path, made: Any, said: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "foldline.serving.server", *made(place)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 1
    assert ended.stdout == "" or (made is sealed_nonsense and ended.stdout.count("\n") == 1)
    assert said in ended.stderr.splitlines()[-1]
