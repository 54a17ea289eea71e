"""Findings that need no schema: each fault that is put into a good table is found, and nothing else is."""

from collections.abc import Callable
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from foldline.artifacts import Task
from foldline.artifacts.identity import row_ids
from foldline.data.validate_data.findings import ERROR, WARNING, Finding, Policy, find, strength

ROWS = 2_000


def good(label: str = "late") -> pa.Table:
    """A table without faults; the label depends on `distance`, weakly."""
    random = np.random.default_rng(3)
    distance = random.normal(0.0, 1.0, ROWS)
    late = random.random(ROWS) < 1.0 / (1.0 + np.exp(-distance))
    labels = {
        "late": pa.array(late),
        "size": pa.array(np.digitize(distance + random.normal(0.0, 1.0, ROWS), [-0.5, 0.5])),
        "delay": pa.array(distance + random.normal(0.0, 1.0, ROWS)),
    }
    columns = {
        "distance": pa.array(distance, mask=np.arange(ROWS) % 9 == 0),
        "seats": pa.array(random.integers(2, 300, ROWS)),
        "tail": pa.array([f"N{index}" for index in random.integers(0, 700, ROWS)]),
        "when": pa.array([datetime(2013, 1, 1) + timedelta(minutes=int(m)) for m in random.integers(0, 10**6, ROWS)]),
        label: labels[label],
    }
    return pa.table(columns)


def with_column(name: str, values: pa.Array | list[object]) -> Callable[[pa.Table], pa.Table]:
    def change(table: pa.Table) -> pa.Table:
        kept = table.drop([name]) if name in table.column_names else table
        return kept.append_column(name, values if isinstance(values, pa.Array) else pa.array(values))

    return change


def findings(table: pa.Table, label: str = "late", policy: Policy | None = None) -> list[Finding]:
    return find(table.add_column(0, "row_id", pa.array(row_ids(table, []))), label, policy or Policy())


@pytest.mark.parametrize("label", ["late", "size", "delay", ""])
def test_a_good_table_has_no_findings(label: str) -> None:
    assert findings(good(label or "late"), label) == []


LATE = good()["late"].to_pylist()
MANY = [f"value {index}" for index in range(ROWS)]
FAULTS = [
    ("infinite", with_column("x", [np.inf, *np.arange(ROWS - 1.0)]), ERROR, "x", "infinite numbers", "1 of 2000 rows"),
    ("one label", with_column("late", [True] * ROWS), ERROR, "late", "no label to learn", "True"),
    ("lost label", with_column("late", [None, *LATE[1:]]), ERROR, "late", "label without a value", "1 of 2000 rows"),
    ("no label", with_column("late", pa.nulls(ROWS, pa.bool_())), ERROR, "late", "label without", "2000 of 2000"),
    ("label gone", lambda table: table.drop(["late"]), ERROR, "late", "no such column", "the label"),
    ("all missing", with_column("x", pa.nulls(ROWS, pa.string())), WARNING, "x", "no values", "2000 rows"),
    ("constant", with_column("x", [7] * ROWS), WARNING, "x", "only one value", "'7' in each row"),
    ("identifier", with_column("x", MANY), WARNING, "x", "different text in each row", "2000 values"),
    ("mostly missing", with_column("x", [*range(900), *[None] * 1100]), WARNING, "x", "mostly missing", "55.0%"),
    ("copy", lambda table: table.append_column("x", table["seats"]), WARNING, "x", "the same values as", "in each"),
    ("repeated rows", lambda table: pa.concat_tables([table, table.slice(0, 50)]), WARNING, "", "rows that repeat",
     "50 rows, 2.4%"),
    ("rare class", with_column("late", [index < 5 for index in range(ROWS)]), WARNING, "late", "a rare class",
     "class 'true' has 5 of 2000 rows"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "severity", "column", "what", "evidence"),
    [fault[1:] for fault in FAULTS],
    ids=[fault[0] for fault in FAULTS],
)
def test_a_fault_is_found_once_and_alone(
    change: Callable[[pa.Table], pa.Table], severity: str, column: str, what: str, evidence: str
) -> None:
    found = findings(change(good()))
    assert [(item.severity, item.column) for item in found] == [(severity, column)]
    assert found[0].what.startswith(what)
    assert evidence in found[0].evidence
    assert found[0].advice


def leak(label: str) -> dict[str, pa.Array]:
    target = np.asarray(good(label)[label].to_pylist(), dtype=float)
    noise = np.random.default_rng(5).normal(0.0, 0.01, ROWS)
    return {
        "number": pa.array(target + noise),
        "whole": pa.array((target * 1000).astype(np.int64)),
        "text": pa.array([f"class {value}" for value in target]),
        "missing": pa.array(noise, mask=target > 0.5),
        "backwards": pa.array(-target + noise),
    }


@pytest.mark.parametrize(
    ("label", "kind"),
    [
        *[("late", kind) for kind in ("number", "whole", "text", "missing", "backwards")],
        *[("size", kind) for kind in ("number", "whole", "text", "backwards")],
        *[("delay", kind) for kind in ("number", "whole", "backwards")],
    ],
)
def test_a_column_that_gives_the_label_away_is_named(label: str, kind: str) -> None:
    found = findings(good(label).append_column("leak", leak(label)[kind]), label)
    leaks = [item.column for item in found if "leakage" in item.what]
    assert leaks == ["leak"]
    assert all(item.severity == WARNING for item in found)


@pytest.mark.parametrize(
    "task", [Task("binary", ("no", "yes")), Task("multiclass", ("a", "b", "c"))], ids=lambda t: t.kind
)
@pytest.mark.parametrize("values", [pa.array(MANY), pa.array(np.arange(ROWS)), pa.array(np.arange(ROWS) / 7)])
def test_a_column_of_different_values_earns_nothing_by_memory(task: Task, values: pa.Array) -> None:
    random = np.random.default_rng(2)
    target = random.integers(0, len(task.classes), ROWS).astype(float)
    assert strength(pa.chunked_array([values]), target, random.random(ROWS) < 0.5, task) < 0.6


def test_errors_come_first() -> None:
    table = with_column("a", [7] * ROWS)(with_column("x", [np.inf] * ROWS)(good()))
    assert [item.severity for item in findings(table)] == [ERROR, WARNING, WARNING]


def test_few_rows_are_not_judged_for_identifiers_and_leakage() -> None:
    table = pa.table({"name": ["a", "b", "c", "d"], "x": [1, 2, 3, 4], "late": [False, False, True, True]})
    assert [item.what for item in findings(table)] == ["a rare class"]
