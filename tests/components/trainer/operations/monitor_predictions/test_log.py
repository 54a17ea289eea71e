"""The request log as it is read: what counts, what is passed over and said, and that it is a stream."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from builders import s3
from builders.monitored import BEGIN, VERSION, exchange
from foldline.errors import ServingError
from foldline.operations.monitor_predictions.inputs.expected import Expected, expectations
from foldline.operations.monitor_predictions.log import gathering, reading
from foldline.operations.monitor_predictions.log.alike import MOST_KINDS, Alike, kinds_of
from foldline.operations.monitor_predictions.log.exchanges import Answered, Asked, parse
from foldline.operations.monitor_predictions.log.gathering import Gathered
from foldline.operations.monitor_predictions.periods import Periods
from foldline.serving.deploy_canary.feedback.files import files

REFERENCE = pa.table({"size": [1.0, 5.0, 100.0], "city": ["Bern", "Lyon", "Bern"]})
PERIODS = Periods(BEGIN * 1_000_000, 3600 * 1_000_000, 3)
TIME = "2025-01-01T00:10:00+00:00"


def event(kind: str, data: Any, **more: Any) -> bytes:
    made = {
        "specversion": "1.0",
        "type": f"org.kubeflow.serving.inference.{kind}",
        "id": "a",
        "time": TIME,
        "modelversion": VERSION,
        "data": data,
    }
    return json.dumps(made | more).encode()


def gathered(lines: list[str], outputs: int = 1) -> Gathered:
    found = Gathered(VERSION, outputs, PERIODS, expectations(REFERENCE, ["size", "city"]))
    found.add(line.encode() for line in lines)
    found.finish()
    return found


V1 = {"instances": [{"size": 1.0, "city": "Bern"}, {"city": None}]}
V2 = {
    "inputs": [
        {"name": "size", "datatype": "FP64", "shape": [2, 1], "data": [[1.0], [None]]},
        {"name": "city", "datatype": "BYTES", "shape": [2], "data": ["Bern", None]},
    ]
}


@pytest.mark.parametrize("data", [V1, V2], ids=["v1", "v2"])
def test_a_request_of_either_protocol_has_the_same_columns(data: Any) -> None:
    found = parse(event("request", data), VERSION, 1)
    assert isinstance(found, Asked)
    assert (found.identity, found.rows, found.at) == ("a", 2, (BEGIN + 600) * 1_000_000)
    assert found.columns == {"size": [1.0, None], "city": ["Bern", None]}


@pytest.mark.parametrize(
    ("data", "outputs", "expected"),
    [
        ({"predictions": [0.25, 0.75]}, 1, [[0.25], [0.75]]),
        ({"predictions": [[0.25, 0.75]]}, 2, [[0.25, 0.75]]),
        (
            {"outputs": [{"name": "predictions", "datatype": "FP32", "shape": [1, 2], "data": [0.25, 0.75]}]},
            2,
            [[0.25, 0.75]],
        ),
    ],
)
def test_an_answer_of_either_protocol_has_its_predictions(data: Any, outputs: int, expected: list[list[float]]) -> None:
    found = parse(event("response", data, latencyus=2500), VERSION, outputs)
    assert isinstance(found, Answered)
    assert found.predictions.tolist() == expected
    assert found.latency_ms == 2.5


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b'{"specversion": "1.0", "ty', "unreadable"),
        (b"[]", "unreadable"),
        (b"\xff\xfe", "unreadable"),
        (event("request", {"instances": []}), "unreadable"),
        (event("request", {"instances": [5]}), "unreadable"),
        (event("request", {"inputs": [{"name": "a", "data": [1]}, {"name": "b", "data": [1, 2]}]}), "unreadable"),
        (event("request", V1, time="yesterday"), "unreadable"),
        (event("request", V1, time=None), "unreadable"),
        (event("response", {"predictions": [None]}), "unreadable"),
        (event("response", {"predictions": ["high"]}), "unreadable"),
        (event("response", {"predictions": [0.1, 0.2, 0.3]}), "unreadable"),
        (event("response", {"outputs": []}), "unreadable"),
        (event("response", {"predictions": [0.5]}, modelversion="ba9876543210"), "of another version"),
        (event("explain", {}), "of another kind"),
    ],
)
def test_a_line_that_is_no_event_of_the_model_is_passed_over_with_a_reason(line: bytes, why: str) -> None:
    outputs = 2 if b"0.1, 0.2, 0.3" in line else 1
    assert parse(line, VERSION, outputs) == why


@pytest.mark.parametrize("latency", [{}, {"latencyus": -1}, {"latencyus": "5"}, {"latencyus": True}])
def test_a_log_without_latencies_has_none(latency: dict[str, Any]) -> None:
    found = parse(event("response", {"predictions": [0.5]}, **latency), VERSION, 1)
    assert isinstance(found, Answered)
    assert np.isnan(found.latency_ms)


def test_pairs_are_joined_and_what_is_alone_is_counted() -> None:
    hour = 3600.0
    one = exchange("one", BEGIN + 1, [{"size": 5.0, "city": "Bern"}], [0.2])
    two = exchange("two", BEGIN + hour, [{"size": 500.0, "city": "Oslo"}, {"size": "5"}], [0.4, 0.6])
    three = exchange("three", BEGIN + hour + 1, [{"size": 5.0, "color": "red"}], [0.9])
    other = exchange("four", BEGIN, [{"size": 5.0}], [0.5], version="ba9876543210")
    early = exchange("five", BEGIN - 1, [{"size": 5.0}], [0.5])
    again = exchange("three", BEGIN + hour + 2, [{"size": 5.0}], [0.9, 0.9])
    lines = [
        *one,
        two[1],
        two[0],
        three[0],
        *other,
        *early,
        again[0],
        again[1],
        *exchange("six", BEGIN, [{}], [0.1])[1:],
    ]
    found = gathered([*lines, '{"torn'])
    assert found.requests.tolist() == [1, 3, 0]
    assert found.answered.tolist() == [1, 2, 0]
    assert found.tally.rows.tolist() == [1, 4, 0]
    assert found.tally.counts.tolist() == [
        [[0, 0, 0, 0], [0, 0, 0, 0]],
        [[0, 1, 0, 1], [3, 0, 1, 0]],
        [[0, 0, 0, 0], [0, 0, 0, 0]],
    ]
    assert found.unknown == {"color"}
    assert [sample.rows for sample in found.predictions] == [2, 4, 0]
    assert found.latency_quantile(0.5)[:2].tolist() == [4.0, 4.0]
    assert np.isnan(found.latency_quantile(0.5)[2])
    assert dict(found.passed_over) == {
        "of another version": 2,
        "outside of the periods": 2,
        "of an identity that came before": 1,
        "answers of another number of rows": 1,
        "answers without a request": 1,
        "unreadable": 1,
    }


def test_more_that_waits_than_is_held_is_counted_as_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "MOST_WAITING", 2)
    pairs = [exchange(str(number), BEGIN, [{"size": 5.0}], [0.5]) for number in range(5)]
    found = gathered([pair[0] for pair in pairs] + [pair[1] for pair in pairs])
    assert found.answered[0] == 2
    assert found.passed_over["requests without an answer"] == 3
    assert found.passed_over["answers without a request"] == 3


def test_batches_of_any_size_count_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    lines = [
        line
        for number in range(300)
        for line in exchange(
            str(number),
            BEGIN + float(random.uniform(0, 3 * 3600)),
            [{"size": float(random.normal(5, 3)), "city": str(random.choice(["Bern", "Oslo"]))}],
            [float(random.random())],
        )
    ]
    whole = gathered(lines)
    monkeypatch.setattr(gathering, "BATCH_ROWS", 7)
    pieces = gathered(lines)
    assert pieces.tally.counts.tolist() == whole.tally.counts.tolist()
    for one, other in zip(pieces.predictions, whole.predictions, strict=True):
        assert np.allclose(list(one.summary()[0].values()), list(other.summary()[0].values()))
    assert [one.chance for one in pieces.alike] == [one.chance for one in whole.alike]


@pytest.mark.parametrize("piece", [1, 7, 4096])
def test_files_are_read_in_pieces_line_by_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, piece: int) -> None:
    monkeypatch.setattr(reading, "PIECE_BYTES", piece)
    (tmp_path / "a-000000.jsonl").write_bytes(b'{"a": 1}\n\n{"b": 2}\n{"torn')
    (tmp_path / "b-000000.jsonl").write_bytes(b'{"c": 3}\n')
    (tmp_path / "notes.txt").write_bytes(b"no log\n")
    found = list(reading.lines(files(str(tmp_path), "request_log_uri")))
    assert found == [b'{"a": 1}', b'{"b": 2}', b'{"torn', b'{"c": 3}']


def test_a_line_without_end_is_not_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "PIECE_BYTES", 100)
    monkeypatch.setattr(reading, "LONGEST_LINE", 300)
    (tmp_path / "a.jsonl").write_bytes(b"x" * 5000 + b"\nlast\n")
    found = list(reading.lines(files(str(tmp_path), "request_log_uri")))
    assert found[-1] == b"last"
    assert max(map(len, found)) <= 400


def test_a_log_may_be_in_a_bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from minio import Minio

    with s3.server(tmp_path) as server:
        server.make_bucket("logs")
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        (tmp_path / "one.jsonl").write_bytes(b"first\nsecond\n" * 3)
        host = server.endpoint.removeprefix("http://")
        client = Minio(endpoint=host, access_key=s3.KEY, secret_key=s3.SECRET, secure=False, region=s3.REGION)
        for name in ("late/a.jsonl", "later/b.jsonl"):
            client.fput_object("logs", name, str(tmp_path / "one.jsonl"))
        monkeypatch.setattr(reading, "PIECE_BYTES", 10)
        assert list(reading.lines(files("s3://logs/late", "request_log_uri"))) == [b"first", b"second"] * 3
        with pytest.raises(ServingError, match="request_log_uri at s3://absent"):
            list(reading.lines(files("s3://absent/late", "request_log_uri")))


def expected() -> dict[str, Expected]:
    random = np.random.default_rng(0)
    return expectations(pa.table({"size": random.normal(0, 1, 1000), "city": ["Bern"] * 1000}), ["size", "city"])


def test_rows_are_alike_where_numbers_differ_by_a_hair() -> None:
    sizes = [1.0, 1.0 + 1e-6, 2.0, 1.0, None, None]
    columns = {
        "size": pa.array(sizes, pa.float64()),
        "city": pa.array(["Bern", "Bern", "Bern", "Lyon", "Bern", "Bern"]),
    }
    kinds = kinds_of(columns, expected())
    assert kinds[0] == kinds[1]
    assert kinds[4] == kinds[5]
    assert len(set(kinds.tolist())) == 4


def test_the_chance_that_rows_are_alike_does_not_depend_on_their_number() -> None:
    random = np.random.default_rng(1)
    for rows in (500, 5000, 50_000):
        alike = Alike()
        for part in np.array_split(random.integers(0, 20, rows).astype(np.uint64), 7):
            alike.add(part)
        assert alike.chance == pytest.approx(1 / 20, rel=0.05)
    assert alike.most == pytest.approx(2500, rel=0.1)
    assert np.isnan(Alike().chance)


def test_a_row_that_is_sent_often_stays_when_the_rare_ones_are_forgotten() -> None:
    alike = Alike()
    for part in range(4):
        once = np.arange(part * MOST_KINDS, (part + 1) * MOST_KINDS, dtype=np.uint64) + np.uint64(10)
        alike.add(np.concatenate([once, np.full(1000, 5, np.uint64)]))
    assert alike.most == 4000
    assert alike.chance == pytest.approx((4000 / alike.rows) ** 2, rel=0.01)
