"""The table of faults that rollouts meet, held against the tests that it names."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "canary-faults.md").read_text()
NAMED = sorted(set(re.findall(r"`(test_\w+)::(test_\w+)(?:\[([^\]]+)\])?`", TEXT)))
ROWS = [line.split(" | ") for line in TEXT.splitlines() if line.startswith("| ") and not line.startswith("| fault")]


@pytest.mark.parametrize(("file", "test", "case"), NAMED, ids=["::".join(one) for one in NAMED])
def test_a_test_that_the_table_names_exists(file: str, test: str, case: str) -> None:
    found = [path.read_text() for path in (ROOT / "tests").rglob(f"{file}.py")]
    defined = [text for text in found if f"\ndef {test}(" in text]
    assert len(defined) == 1, f"{file}.py with {test}"
    assert not case or f'"{case}"' in defined[0]


def test_each_fault_has_an_end_state_and_a_test_where_it_can_happen() -> None:
    assert len(ROWS) > 35
    for fault, end, *places in ROWS:
        assert end.strip(), fault
        assert len(places) == 2, fault
        assert "::" in "".join(places) or "cannot happen" in end, fault
