"""Which answers of a challenger's server are right."""

from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from foldline.artifacts import RawColumn
from foldline.serving.answer import Answer
from foldline.serving.deploy_canary import smoke

ONE = np.array([0.25], np.float32)
THREE = np.array([0.2, 0.3, 0.5], np.float32)
LARGE = np.array([20_000.0], np.float32)


def answer(content: Any, status: int = 200, version: str = "abc") -> Answer:
    return Answer(status, content, version, 0.01)


@pytest.mark.parametrize(
    ("given", "expected", "said"),
    [
        (answer({"predictions": [0.25]}), ONE, ""),
        (answer({"predictions": [0.25009]}), ONE, ""),
        (answer({"predictions": [0.2502]}), ONE, "differs from the recorded prediction by 0.0002"),
        (answer({"predictions": [20_001.0]}), LARGE, ""),
        (answer({"predictions": [20_010.0]}), LARGE, "differs"),
        (answer({"predictions": [[0.2, 0.3, 0.5]]}), THREE, ""),
        (answer({"predictions": [[0.2, 0.5, 0.3]]}), THREE, "differs from the recorded prediction by 0.2"),
        (answer({"predictions": [[0.2, 0.8]]}), THREE, "predictions of shape (1, 2), not (1, 3)"),
        (answer({"predictions": [0.25, 0.25]}), ONE, "predictions of shape (2,), not (1,)"),
        (answer({"predictions": [[0.25]]}), ONE, "predictions of shape (1, 1), not (1,)"),
        (answer({"predictions": [None]}), ONE, "a prediction that is not finite"),
        (answer({"predictions": ["high"]}), ONE, "no predictions in"),
        (answer({"outputs": []}), ONE, "no predictions in"),
        (answer([1]), ONE, "no predictions in"),
        (answer({"error": "broken"}, status=500), ONE, "status 500: {'error': 'broken'}"),
        (answer("no answer: timed out", status=0), ONE, "status 0: no answer: timed out"),
        (answer({"predictions": [0.25]}, version="old"), ONE, "answered by version old, not abc"),
    ],
)
def test_an_answer_to_a_golden_row_is_right_or_says_why_not(given: Answer, expected: np.ndarray, said: str) -> None:
    found = smoke.golden_problem(given, expected, "abc")
    assert found.startswith(said)
    assert bool(found) == bool(said)


@pytest.mark.parametrize(
    ("given", "outputs", "right"),
    [
        (answer({"predictions": [0.4]}), 1, True),
        (answer({"predictions": [[0.4, 0.4, 0.2]]}), 3, True),
        (answer({"predictions": [None]}), 1, False),
        (answer({"predictions": [0.4, 0.4]}), 1, False),
        (answer({}), 1, False),
        (answer({"error": "x"}, status=400), 1, False),
    ],
)
def test_a_row_without_values_must_get_a_finite_prediction(given: Answer, outputs: int, right: bool) -> None:
    assert (smoke.empty_row_problem(given, outputs) == "") == right


@pytest.mark.parametrize(("status", "right"), [(400, True), (422, True), (200, False), (500, False), (0, False)])
def test_a_malformed_request_must_be_the_clients_fault(status: int, right: bool) -> None:
    assert (smoke.malformed_problem(answer({}, status=status)) == "") == right


@pytest.mark.parametrize(("rows", "count", "chosen"), [(100, 10, 10), (5, 64, 5), (1, 1, 1)])
def test_golden_rows_are_spread_and_do_not_depend_on_order(rows: int, count: int, chosen: int) -> None:
    row_id = np.random.default_rng(0).permutation(rows) * 7
    found = smoke.golden_rows(row_id, count)
    assert len(set(found)) == chosen
    assert set(found) <= set(row_id)
    assert np.array_equal(found, smoke.golden_rows(row_id[::-1], count))
    assert found[0] == 0
    assert chosen == 1 or found[-1] == 7 * (rows - 1)


def test_records_are_json_with_null_for_every_kind_of_missing() -> None:
    table = pa.table(
        {
            "far": pa.array([1.5, None, float("nan")]),
            "when": pa.array([datetime(2013, 5, 1, 6, 30, 0, 5), None, None]),
            "who": pa.array(["UA", None, ""]),
        }
    )
    columns = [RawColumn("far", "float64"), RawColumn("when", "timestamp"), RawColumn("who", "string")]
    assert smoke.records(table, columns) == [
        {"far": 1.5, "when": "2013-05-01T06:30:00.000005", "who": "UA"},
        {"far": None, "when": None, "who": None},
        {"far": None, "when": None, "who": ""},
    ]


def test_latency_is_in_milliseconds() -> None:
    answers = [Answer(200, {}, "", seconds / 1000) for seconds in range(1, 102)]
    assert smoke.latency_ms(answers) == {"latency_p50_ms": 51.0, "latency_p99_ms": 100.0}
