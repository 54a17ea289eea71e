"""Rules of a table: each kind is kept by a good table and broken by a bad one, and a wrong document is refused."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pyarrow as pa
import pytest

from foldline.artifacts.identity import row_ids
from foldline.data.validate_data.findings import Finding
from foldline.data.validate_data.rules.document import KINDS, parse, schema
from foldline.errors import ArgumentError

ROOT = Path(__file__).resolve().parents[4]
NOW = datetime(2013, 7, 1, 12)
ROWS = 100
COUNT = np.arange(ROWS)


def flights() -> pa.Table:
    table = pa.table(
        {
            "distance": pa.array(COUNT * 10 + 5, mask=COUNT == 7),
            "minutes": pa.array(COUNT * 1.5 + 1.0, mask=COUNT == 8),
            "tail": pa.array([f"N{index}" if index else None for index in COUNT]),
            "carrier": pa.array(["UA", "AA", "DL", "UA"] * 25),
            "when": pa.array([NOW - timedelta(hours=int(hours) + 1) for hours in COUNT]),
            "late": pa.array(COUNT % 5 == 0),
        }
    )
    return table.add_column(0, "row_id", pa.array(row_ids(table, [])))


def broken(rule: dict[str, Any]) -> Finding | None:
    return parse({"mine": rule})[0].broken(flights(), NOW)


KEPT = [
    {"type": "range", "column": "distance", "least": 5, "most": 995},
    {"type": "range", "column": "minutes", "least": 0.0},
    {"type": "range", "column": "distance", "most": 979, "tolerated": 0.02},
    {"type": "pattern", "column": "tail", "pattern": "N[0-9]{1,2}"},
    {"type": "expression", "sql": "distance >= minutes OR carrier = 'nobody'"},
    {"type": "expression", "sql": "distance > 5", "tolerated": 0.01},
    {"type": "unique", "columns": ["carrier", "when"]},
    {"type": "freshness", "column": "when", "within": "1h"},
    {"type": "freshness", "column": "when", "within": "2d", "at": "2013-07-02T14:00+02:00"},
    {"type": "rows", "history": [60, 190.0, 101]},
    {"type": "balance", "column": "late", "least": 0.2, "most": 0.8},
]


@pytest.mark.parametrize("rule", KEPT, ids=json.dumps)
def test_a_rule_that_is_kept_says_nothing(rule: dict[str, Any]) -> None:
    assert broken(rule) is None


BROKEN = [
    ({"type": "range", "column": "distance", "least": 6, "most": 990}, "distance", "2 of 100 rows, 2.00%, are below 6"),
    ({"type": "range", "column": "distance", "most": 979, "tolerated": 0.01}, "distance", "2 of 100 rows"),
    ({"type": "pattern", "column": "tail", "pattern": "N[0-9]"}, "tail", "90 of 100 rows, 90.00%, do not match"),
    ({"type": "expression", "sql": "minutes < 140 AND carrier <> 'DL'"}, "", "do not keep"),
    ({"type": "unique", "columns": ["carrier"]}, "carrier", "97 of 100 rows repeat carrier of an earlier one"),
    ({"type": "freshness", "column": "when", "within": "59m"}, "when", "the newest time, 2013-07-01 11:00, is more than"),
    ({"type": "freshness", "column": "when", "within": "9d", "at": "2013-07-01"}, "when", "is after 2013-07-01 00:00"),
    ({"type": "rows", "history": [201, 300, 250], "factor": 2}, "", "100 rows; the median of 3 earlier is 250"),
    ({"type": "rows", "history": [40], "factor": 2.4}, "", "17 to 96 are fine"),
    ({"type": "balance", "column": "late", "least": 0.21}, "late", "'True' has 20.00% of the rows instead of"),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "column", "evidence"), BROKEN, ids=lambda each: str(each)[:60])
def test_a_rule_that_is_broken_says_where_and_by_how_much(rule: dict[str, Any], column: str, evidence: str) -> None:
    found = broken(rule)
    assert found is not None
    assert (found.severity, found.column, found.what) == ("error", column, "breaks the rule 'mine'")
    assert evidence in found.evidence


def test_rows_show_a_broken_rule_with_the_values_that_it_is_about() -> None:
    found = broken({"type": "expression", "sql": "distance < 900 OR minutes < 1"})
    assert found is not None
    row_id = str(flights()["row_id"][90].as_py())
    assert found.examples[0] == {"row_id": row_id, "distance": "905", "minutes": "136"}
    assert len(found.examples) == 3


def test_the_severity_is_the_person_s() -> None:
    found = broken({"type": "rows", "history": [1], "severity": "warning"})
    assert found is not None
    assert found.severity == "warning"


@pytest.mark.parametrize(
    ("rule", "evidence"),
    [
        ({"type": "range", "column": "gone", "least": 0}, "no such column"),
        ({"type": "range", "column": "tail", "least": 0}, "it holds string, no numbers"),
        ({"type": "pattern", "column": "late", "pattern": "x"}, "it holds bool, no text"),
        ({"type": "freshness", "column": "late", "within": "1d"}, "it holds bool, no times"),
        ({"type": "unique", "columns": ["tail", "gone"]}, "no such column"),
        ({"type": "balance", "column": "gone", "least": 0.1}, "no such column"),
        ({"type": "expression", "sql": "gone > 1"}, "no such column"),
        ({"type": "expression", "sql": "distance + 1"}, "no condition on each row"),
        ({"type": "expression", "sql": "MAX(distance) > 1"}, "no condition on each row"),
        ({"type": "expression", "sql": "carrier > 1"}, "'carrier > 1': "),
    ],
    ids=lambda each: str(each)[:60],
)
def test_a_rule_that_the_table_cannot_answer_is_an_error(rule: dict[str, Any], evidence: str) -> None:
    found = broken({**rule, "severity": "warning"})
    assert found is not None
    assert (found.severity, found.what) == ("error", "does not fit the rule 'mine'")
    assert evidence in found.evidence


WRONG = [
    ({"type": "ranges"}, r"rules\['mine'\].type: expected 'range' or 'pattern' or "),
    ({"column": "a"}, r"rules\['mine'\].type: expected .*, got None"),
    ({"type": "range", "column": "a"}, "expected the field least or most, got only type, column"),
    ({"type": "range", "least": 1}, "expected the field column"),
    ({"type": "range", "column": "a", "least": "1"}, r"rules\['mine'\].least: expected a number"),
    ({"type": "range", "column": "a", "max": 1}, "expected no keys but type, column, least, most, tolerated, severity"),
    ({"type": "pattern", "column": "a", "pattern": "(a"}, "expected a regular expression of RE2"),
    ({"type": "pattern", "column": "a", "pattern": "(?=a)"}, "expected a regular expression of RE2"),
    ({"type": "expression", "sql": "a >"}, r"rules\['mine'\].sql: expected one SQL expression"),
    ({"type": "expression", "sql": "(SELECT 1)"}, "a query or a comment"),
    ({"type": "unique", "columns": []}, "expected a list of at least one column"),
    ({"type": "freshness", "column": "a", "within": "soon"}, "expected a whole number with s, m, h, d or w"),
    ({"type": "rows", "history": [1.5]}, r"history\[0\]: expected a whole number"),
    ({"type": "rows", "history": [1], "factor": 1}, "factor: expected a number above 1"),
    ({"type": "rows", "history": [1], "severity": "fatal"}, "severity: expected 'error' or 'warning'"),
    ({"type": "balance", "column": "a", "least": 1.2}, "least: expected a number at least 0 and at most 1"),
    ({"type": "range", "column": "a", "least": 1, "tolerated": 1}, "tolerated: expected a number below 1"),
    ("range", "expected an object with a type"),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "message"), WRONG, ids=lambda each: str(each)[:60])
def test_a_wrong_rule_is_refused_by_name_and_by_the_json_schema(rule: Any, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        parse({"mine": rule})
    if not any(word in message for word in ("RE2", "SQL", "query")):
        assert not jsonschema.Draft202012Validator(schema()).is_valid({"mine": rule})


def test_bounds_in_the_wrong_order_and_times_that_are_none_are_refused() -> None:
    with pytest.raises(ArgumentError, match=r"least: expected at most most, 1, got 2"):
        parse({"mine": {"type": "range", "column": "a", "least": 2, "most": 1}})
    with pytest.raises(ArgumentError, match=r"at: expected a time as 2013-07-01T00:00"):
        parse({"mine": {"type": "freshness", "column": "a", "within": "1d", "at": "noon"}})
    with pytest.raises(ArgumentError, match="rules: expected an object of rules by name"):
        parse([])


def test_the_json_schema_takes_what_parsing_takes_and_is_what_the_docs_hold() -> None:
    validator = jsonschema.Draft202012Validator(schema())
    validator.check_schema(schema())
    for rule in [*KEPT, *(rule for rule, _, _ in BROKEN)]:
        validator.validate({"mine": rule})
    assert json.loads((ROOT / "docs" / "rules.schema.json").read_text()) == schema()
    assert {rule["type"] for rule in KEPT} == set(KINDS)
