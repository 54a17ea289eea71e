"""Identity of rows and digests of tables: what may change them, and what may not."""

from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foldline.artifacts import identity
from foldline.errors import DataError

SCHEMA = pa.schema(
    [
        ("whole", pa.int64()),
        ("number", pa.float64()),
        ("text", pa.string()),
        ("truth", pa.bool_()),
        ("moment", pa.timestamp("us")),
    ]
)
ROW = st.fixed_dictionaries(
    {
        "whole": st.none() | st.integers(-(2**63), 2**63 - 1),
        "number": st.none() | st.floats(allow_nan=False, allow_infinity=False),
        "text": st.none() | st.text(st.characters(codec="utf-8"), max_size=4),
        "truth": st.none() | st.booleans(),
        "moment": st.none() | st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)),
    }
)
ROWS = st.lists(ROW, min_size=1, max_size=12)


def table(rows: list[dict[str, object]]) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=SCHEMA)


@given(ROWS, st.randoms(use_true_random=False))
def test_reordered_rows_keep_ids_and_digest(rows: list[dict[str, object]], random: np.random.Generator) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)
    one, other = table(rows), table(shuffled)
    assert identity.table_digest(one) == identity.table_digest(other)
    assert sorted(identity.row_ids(one, [])) == sorted(identity.row_ids(other, []))
    for row, first in zip(rows, identity.row_ids(one, []), strict=True):
        if rows.count(row) == 1:
            assert identity.row_ids(other, [])[shuffled.index(row)] == first


@given(ROWS, ROWS)
def test_added_rows_leave_the_ids_of_the_others_alike(
    rows: list[dict[str, object]], added: list[dict[str, object]]
) -> None:
    before = identity.row_ids(table(rows), [])
    after = identity.row_ids(table(rows + added), [])
    assert after[: len(rows)].tolist() == before.tolist()
    assert len(set(after.tolist())) == len(after)


@given(ROWS, st.permutations(SCHEMA.names))
def test_the_order_of_columns_leaves_ids_and_digest_alike(rows: list[dict[str, object]], names: list[str]) -> None:
    one = table(rows)
    other = one.select(names)
    assert identity.row_ids(other, []).tolist() == identity.row_ids(one, []).tolist()
    assert identity.table_digest(other) == identity.table_digest(one)


@settings(deadline=None)
@given(ROWS, st.integers(1, 5))
def test_row_groups_and_dictionaries_leave_ids_and_digest_alike(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, object]], size: int
) -> None:
    file: Path = tmp_path_factory.mktemp("layout") / "table.parquet"
    one = table(rows)
    pq.write_table(one, file, row_group_size=size, use_dictionary=size % 2 == 0)
    pieces = pq.read_table(file)
    chunked = pa.concat_tables([pieces.slice(start, size) for start in range(0, len(rows), size)])
    assert identity.table_digest(chunked) == identity.table_digest(one)
    assert identity.row_ids(chunked, []).tolist() == identity.row_ids(one, []).tolist()


@given(ROWS, st.integers(0, 11), st.sampled_from(SCHEMA.names))
def test_a_changed_value_changes_the_digest(rows: list[dict[str, object]], place: int, name: str) -> None:
    changed = [dict(row) for row in rows]
    row = changed[place % len(rows)]
    other = {"whole": 7, "number": 0.25, "text": "seven", "truth": True, "moment": datetime(1888, 1, 1)}[name]
    row[name] = None if row[name] == other else other
    assert identity.table_digest(table(changed)) != identity.table_digest(table(rows))


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        (
            [1, 0, -1, None],
            pa.int64(),
            [10451216379200822465, 16294208416658607535, 16490336266968443936, 11160318154034397263],
        ),
        (
            [1.0, 0.5, -0.0, None],
            pa.float64(),
            [10451216379200822465, 17606427253252083309, 16294208416658607535, 11160318154034397263],
        ),
        (
            ["", "a", "é", None],
            pa.string(),
            [13020603013274838756, 3405396810240292928, 3394012004367669963, 11160318154034397263],
        ),
        ([True, False, None], pa.bool_(), [10451216379200822465, 16294208416658607535, 11160318154034397263]),
        ([datetime(2013, 10, 1)], pa.timestamp("us"), [10596805347320162770]),
    ],
    ids=["int64", "float64", "string", "bool", "timestamp"],
)
def test_hashes_are_what_they_always_were(values: list[object], kind: pa.DataType, expected: list[int]) -> None:
    assert identity.column_hash(pa.chunked_array([pa.array(values, kind)])).tolist() == expected


def test_row_ids_are_what_they_always_were() -> None:
    rows = pa.table({"a": pa.array([1, 1, 2]), "b": pa.array(["x", "x", None])})
    ids = identity.row_ids(rows, [])
    assert ids.tolist() == [3243335881845518600, 916272117381621548, 882689706264850619]
    assert identity.row_ids(rows.slice(1), ["a"]).tolist() == [1540789309544768956, 6950185869834049368]
    assert identity.table_digest(rows) == "sha256:cb4a2348acdc3875cc3470f99dd959a0dd42b156f8b4260751f5c121eda65a11"
    assert identity.unit_interval(ids, "foldline hold-out").tolist() == [
        0.4362249087855842,
        0.2494346929840574,
        0.9445262056034649,
    ]


def test_splitmix64_gives_the_published_sequence() -> None:
    # First outputs of the generator seeded with 1234567, as listed for checking implementations of it.
    state = np.array([1234567], dtype=np.uint64)
    with np.errstate(over="ignore"):
        seen = [int(identity.mix(state + identity._GOLDEN * np.uint64(step))[0]) for step in range(3)]
    assert seen == [6457827717110365317, 3203168211198807973, 9817491932198370423]


def test_whole_floats_hash_as_integers_and_zero_has_no_sign() -> None:
    floats = identity.column_hash(pa.chunked_array([[3.0, -0.0, 0.0]]))
    whole = identity.column_hash(pa.chunked_array([pa.array([3, 0, 0])]))
    assert floats.tolist() == whole.tolist()


def test_missing_is_not_zero_and_not_empty_text() -> None:
    for values in (pa.array([0, None]), pa.array([0.0, None]), pa.array(["", None]), pa.array([False, None])):
        present, missing = identity.column_hash(pa.chunked_array([values]))
        assert present != missing


def test_swapped_values_of_two_columns_are_another_row() -> None:
    one, other = pa.table({"a": [1], "b": [2]}), pa.table({"a": [2], "b": [1]})
    assert identity.row_ids(one, []) != identity.row_ids(other, [])


def test_equal_rows_have_different_ids() -> None:
    ids = identity.row_ids(pa.table({"a": [5, 5, 5]}), [])
    assert len(set(ids.tolist())) == 3


def test_a_key_names_a_row_whatever_its_other_values_are() -> None:
    one = identity.row_ids(pa.table({"key": [1, 2], "value": [10, 20]}), ["key"])
    other = identity.row_ids(pa.table({"key": [1, 2], "value": [30, 40]}), ["key"])
    assert one.tolist() == other.tolist()


def test_a_key_that_two_rows_share_is_refused_by_name() -> None:
    with pytest.raises(
        DataError, match=r"key_columns \['key'\]: expected a different key in each row, got 1 rows .*row 2"
    ):
        identity.row_ids(pa.table({"key": ["a", "b", "a"]}), ["key"])


def test_the_unit_interval_is_filled_evenly_and_salts_are_independent() -> None:
    ids = identity.row_ids(pa.table({"a": np.arange(50_000)}), [])
    first, second = identity.unit_interval(ids, "one"), identity.unit_interval(ids, "two")
    assert first.min() >= 0.0
    assert first.max() < 1.0
    counts = np.histogram(first, bins=20, range=(0.0, 1.0))[0]
    assert abs(counts - 2500).max() < 5 * np.sqrt(2500)
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.02


def test_occurrence_counts_equal_values_in_their_order() -> None:
    assert identity.occurrence(np.array([7, 3, 7, 7, 3], dtype=np.uint64)).tolist() == [0, 0, 1, 2, 1]
    assert identity.occurrence(np.array([], dtype=np.uint64)).tolist() == []
