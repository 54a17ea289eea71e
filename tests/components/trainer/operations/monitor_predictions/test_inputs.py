"""What does not fit of each column: counted as an oracle counts it, and judged against the reference's own periods."""

import math
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foldline.operations.monitor_predictions.inputs.expected import expectations
from foldline.operations.monitor_predictions.inputs.judging import absent_columns, judge_inputs
from foldline.operations.monitor_predictions.inputs.tally import Tally, of_reference, of_table
from foldline.operations.monitor_predictions.inputs.values import typed
from foldline.operations.monitor_predictions.natural import Chain, chain
from foldline.operations.monitor_predictions.policy import Policy

POLICY = Policy()


@pytest.mark.parametrize(
    ("dtype", "values", "kept", "wrong"),
    [
        ("float64", [1.5, 2, None, True, "3", 10**400], [1.5, 2.0, None, None, None, None], [3, 4, 5]),
        ("int64", [1, 2.0, None, 2.5, 2**63, False], [1, 2, None, None, None, None], [3, 4, 5]),
        ("int64", [1, 2, None], [1, 2, None], []),
        ("string", ["a", "", None, 5], ["a", "", None, None], [3]),
        ("bool", [True, None, 0, "yes"], [True, None, None, None], [2, 3]),
        (
            "timestamp",
            ["2025-01-01T02:00:00+02:00", "2025-01-01", None, "soon", 5],
            [datetime(2025, 1, 1), datetime(2025, 1, 1), None, None, None],
            [3, 4],
        ),
    ],
)
def test_values_of_json_are_of_the_type_or_wrong(
    dtype: str, values: list[Any], kept: list[Any], wrong: list[int]
) -> None:
    found, are_wrong = typed(values, dtype)
    assert found.to_pylist() == kept
    assert np.flatnonzero(are_wrong).tolist() == wrong


def test_values_are_held_against_what_the_reference_has() -> None:
    reference = pa.table({"size": [1.0, None, 9.0], "city": ["Bern", "Lyon", None], "open": [True, True, True]})
    later = pa.table({"size": [0.5, 5.0, math.nan], "city": ["Bern", "Turin", None], "open": [False, True, None]})
    tally = of_table(later, np.array([0, 0, 1]), 2, expectations(reference, ["size", "city", "open"]))
    assert tally.rows.tolist() == [2, 1]
    assert tally.counts.tolist() == [
        [[0, 0, 0, 1], [0, 0, 1, 0], [0, 0, 1, 0]],
        [[1, 0, 0, 0], [1, 0, 0, 0], [1, 0, 0, 0]],
    ]


def test_a_column_that_is_gone_is_missing_and_one_of_another_type_is_wrong() -> None:
    reference = pa.table({"size": [1.0, 2.0], "city": ["Bern", "Lyon"]})
    later = pa.table({"size": ["1", None]})
    tally = of_table(later, np.zeros(2, np.int64), 1, expectations(reference, ["size", "city"]))
    assert tally.counts[0].tolist() == [[1, 1, 0, 0], [2, 0, 0, 0]]
    assert tally.given[0].tolist() == [2, 0]


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10**6), st.integers(8, 14), st.integers(1, 3), st.integers(1, 4))
def test_each_period_of_the_reference_is_held_against_its_own_slice(
    seed: int, periods: int, lag: int, width: int
) -> None:
    random = np.random.default_rng(seed)
    rows = 60
    period = random.integers(-1, periods, rows)
    numbers = np.where(random.random(rows) < 0.2, np.nan, random.integers(0, 30, rows))
    words = [None if random.random() < 0.2 else str(random.integers(0, 12)) for _ in range(rows)]
    table = pa.table({"number": pa.array(numbers, from_pandas=True), "word": pa.array(words, pa.string())})
    how = Chain(periods, lag, width)
    found = of_reference(table, period, expectations(table, ["number", "word"]), how)
    for one in range(periods):
        mine = np.flatnonzero(period == one)
        before = np.flatnonzero((period > one - lag - width) & (period <= one - lag))
        known = {words[row] for row in before} - {None}
        seen = [numbers[row] for row in before if not math.isnan(numbers[row])]
        unseen = sum(words[row] is not None and words[row] not in known for row in mine)
        outside = sum(bool(seen) and (numbers[row] < min(seen) or numbers[row] > max(seen)) for row in mine)
        judged = one >= how.first
        missing = [sum(map(math.isnan, numbers[mine])), sum(words[row] is None for row in mine)]
        assert found.counts[one].tolist() == [
            [missing[0], 0, 0, outside if judged else 0],
            [missing[1], 0, unseen if judged else 0, 0],
        ]


def simulated(random: np.random.Generator, periods: int, rows: int, columns: int) -> Tally:
    """Counts of columns whose missing share differs from period to period more than chance explains."""
    tally = Tally.empty(tuple(f"column {index}" for index in range(columns)), periods)
    tally.rows[:] = rows
    share = random.beta(2.0, 38.0, (periods, columns))
    tally.counts[:, :, 0] = random.binomial(rows, share)
    tally.counts[:, :, 2] = random.binomial(rows, 0.002, (periods, columns))
    return tally


def test_natural_variation_of_many_columns_is_seldom_an_alert_and_a_fault_always_is() -> None:
    random = np.random.default_rng(0)
    how = chain(40, 1)
    alarms = found = others = 0
    simulations = 300
    for _ in range(simulations):
        reference, seen = simulated(random, 40, 500, 15), simulated(random, 3, 400, 15)
        quiet = judge_inputs(reference, seen, how, POLICY)
        alarms += quiet.p <= POLICY.alpha
        assert quiet.judged == 3
        seen.counts[1:, 4, 2] += 200
        faulty = judge_inputs(reference, seen, how, POLICY)
        found += "column 4/unseen" in [member.name for member in faulty.alerts]
        others += len(faulty.alerts) > 1
    assert alarms / simulations <= POLICY.alpha + 3.0 * np.sqrt(POLICY.alpha * (1.0 - POLICY.alpha) / simulations)
    assert found == simulations
    assert others / simulations <= 0.02


@pytest.mark.parametrize(
    ("periods", "rows", "problem"),
    [
        (22, 500, "the reference needs 19 periods of 200 rows with 4 periods before them, it has 0"),
        (40, 100, "the reference needs 19 periods of 200 rows"),
        (40, 500, ""),
    ],
)
def test_too_little_data_is_said_and_not_judged(periods: int, rows: int, problem: str) -> None:
    random = np.random.default_rng(1)
    found = judge_inputs(simulated(random, periods, rows, 2), simulated(random, 3, 300, 2), chain(periods, 1), POLICY)
    assert found.problem.startswith(problem)
    assert bool(found.problem) == bool(problem)
    few = judge_inputs(simulated(random, 40, 500, 2), simulated(random, 3, 20, 2), chain(40, 1), POLICY)
    assert few.problem == "2 of the newest periods need 200 rows, they have 20, 20, 20"


@pytest.mark.parametrize(
    ("missing", "wrong", "rows", "usually", "gone"),
    [
        (30, 0, 30, 1, [("column 0", "missing")]),
        (0, 30, 30, 1, [("column 0", "wrong type")]),
        (29, 0, 30, 1, []),
        (5, 0, 5, 1, []),
        (30, 0, 30, 480, []),
    ],
)
def test_a_column_that_no_row_has_is_gone_unless_chance_explains_it(
    missing: int, wrong: int, rows: int, usually: int, gone: list[tuple[str, str]]
) -> None:
    reference, seen = (Tally.empty(("column 0",), 2) for _ in range(2))
    reference.rows[:], reference.counts[:, 0, 0] = 500, usually
    seen.rows[0], seen.counts[0, 0, :2] = rows, (missing, wrong)
    assert absent_columns(reference, seen) == gone
