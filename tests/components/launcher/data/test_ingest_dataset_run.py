"""Ingestion of files: every form of a source gives the same dataset, every fault one clear error."""

import gzip
import io
import shutil
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from builders.disk import small_disk
from foldline.artifacts import Column, Dataset
from foldline.data.ingest_dataset import read
from foldline.data.ingest_dataset.run import run
from foldline.errors import ArgumentError, DataError, FoldlineError

TEXT = """when,carrier,delay,distance,note
2013-01-01T10:00:00Z,UA,20,1400.5,a
2013-01-01T11:00:00Z,AA,,733,"b, quoted"
2013-01-02T10:00:00Z,UA,-3,NA,
2013-01-03T10:00:00Z,,16,229,"two
lines"
"""
ROWS = [
    {"when": datetime(2013, 1, 1, 10), "carrier": "UA", "delay": 20, "distance": 1400.5, "note": "a"},
    {"when": datetime(2013, 1, 1, 11), "carrier": "AA", "delay": None, "distance": 733.0, "note": "b, quoted"},
    {"when": datetime(2013, 1, 2, 10), "carrier": "UA", "delay": -3, "distance": None, "note": None},
    {"when": datetime(2013, 1, 3, 10), "carrier": None, "delay": 16, "distance": 229.0, "note": "two\nlines"},
]
COLUMNS = (
    Column("when", "timestamp"),
    Column("carrier", "string"),
    Column("delay", "int64"),
    Column("distance", "float64"),
    Column("note", "string"),
)


def ingest(tmp_path: Path, source: Path | str, **arguments: Any) -> Dataset:
    return run(str(source), tmp_path / "dataset", **arguments)


def ingest_text(tmp_path: Path, text: str | bytes, **arguments: Any) -> Dataset:
    file = tmp_path / "table.csv"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return ingest(tmp_path, file, **arguments)


def rows(dataset: Dataset) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = dataset.table().drop(["row_id"]).to_pylist()
    return found


def zipped(text: str, name: str = "table.csv") -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(name, text)
        archive.writestr("__MACOSX/._table.csv", "clutter")
    return stream.getvalue()


def as_parquet(path: Path, table: list[dict[str, Any]] = ROWS) -> Path:
    pq.write_table(pa.Table.from_pylist(table), path, row_group_size=2)
    return path


def as_folder(path: Path) -> Path:
    (path / "more").mkdir(parents=True)
    as_parquet(path / "b.parquet", ROWS[2:])
    as_parquet(path / "more" / "a.parquet", ROWS[:2])
    return path


@pytest.mark.parametrize(
    "source",
    [
        lambda folder: write(folder / "t.csv", TEXT),
        lambda folder: write(folder / "t.csv", TEXT.replace("\n", "\r\n").replace("two\r\n", "two\n")),
        lambda folder: write(folder / "t.csv", "\ufeff" + TEXT),
        lambda folder: write(folder / "t.txt", TEXT.replace(",", ";").replace("b; quoted", "b, quoted")),
        lambda folder: write(folder / "t.csv", TEXT.replace("\n2013", "\n\n2013") + "\n\n"),
        lambda folder: write(folder / "t.csv.gz", gzip.compress(TEXT.encode())),
        lambda folder: write(folder / "t.csv.zip", zipped(TEXT)),
        lambda folder: write(folder / "no-name", zipped(TEXT)),
        lambda folder: as_parquet(folder / "t.parquet"),
        lambda folder: as_parquet(folder / "no-name"),
        lambda folder: as_folder(folder / "parts"),
        lambda folder: f"file://{write(folder / 'a table.csv', TEXT)}".replace(" ", "%20"),
    ],
    ids=[
        "csv", "csv of Windows", "csv with a byte order mark", "csv with semicolons", "csv with blank lines", "gzip",
        "zip", "zip without a name", "parquet", "parquet without a name", "folder of parquet", "address of a file",
    ],
)  # fmt: skip
def test_every_form_of_a_table_gives_the_same_dataset(tmp_path: Path, source: Callable[[Path], Path | str]) -> None:
    expected = ingest_text(tmp_path, TEXT)
    shutil.move(tmp_path / "dataset", tmp_path / "expected")
    found = ingest(tmp_path, source(tmp_path))
    assert found.columns == COLUMNS
    assert found.digest == expected.digest
    assert sorted(rows(found), key=lambda row: row["when"]) == ROWS


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize(
    ("values", "dtype", "expected"),
    [
        (["1", "", "3"], "int64", [1, None, 3]),
        (["01", "002", " 3 "], "int64", [1, 2, 3]),
        (["9223372036854775807", "-9223372036854775808"], "int64", [2**63 - 1, -(2**63)]),
        (["1", "2.5", "NA"], "float64", [1.0, 2.5, None]),
        (["1e3", "nan", "NaN"], "float64", [1000.0, None, None]),
        (["true", "False", "null"], "bool", [True, False, None]),
        (["2013-01-01", "", "2013-02-01"], "timestamp", [datetime(2013, 1, 1), None, datetime(2013, 2, 1)]),
        (["2013-01-01T10:00:00+02:00", "2013-01-01 10:00:00Z"], "timestamp",
         [datetime(2013, 1, 1, 8), datetime(2013, 1, 1, 10)]),
        (["01/02/2013", "02/01/2013"], "string", ["01/02/2013", "02/01/2013"]),
        (["2013-02-30", "2013-01-01"], "string", ["2013-02-30", "2013-01-01"]),
        (["12:30", "23:59"], "string", ["12:30", "23:59"]),
        (["1", "x"], "string", ["1", "x"]),
        (["", "NA", "NaN"], "string", [None, None, None]),
        (["N/A", "none"], "string", ["N/A", "none"]),
    ],
    ids=str,
)  # fmt: skip
def test_a_column_of_csv_gets_the_type_that_all_its_values_have(
    tmp_path: Path, values: list[str], dtype: str, expected: list[object]
) -> None:
    text = "a,other\n" + "".join(f'"{value}",x\n' if value.strip() != value else f"{value},x\n" for value in values)
    dataset = ingest_text(tmp_path, text)
    assert dataset.dtype("a") == dtype
    assert [row["a"] for row in rows(dataset)] == expected


def test_types_hold_for_rows_far_below_those_that_they_are_guessed_from(tmp_path: Path) -> None:
    assert read.GUESS_ROWS == 10_000
    early = ["1,,1"] * 10_050
    dataset = ingest_text(tmp_path, "\n".join(["a,b,c", *early, "x,7,2.5"]) + "\n")
    assert dataset.columns == (Column("a", "string"), Column("b", "int64"), Column("c", "float64"))
    assert rows(dataset)[-1] == {"a": "x", "b": 7, "c": 2.5}


def test_types_of_parquet_become_those_of_a_dataset(tmp_path: Path) -> None:
    moment = datetime(2013, 1, 1, 12, tzinfo=UTC)
    pl.DataFrame(
        {
            "small": pl.Series([1, None], dtype=pl.UInt8),
            "half": pl.Series([0.5, float("nan")], dtype=pl.Float32),
            "exact": pl.Series([Decimal("1.25"), None]),
            "kind": pl.Series(["a", None], dtype=pl.Categorical),
            "fixed": pl.Series(["a", "b"], dtype=pl.Enum(["a", "b"])),
            "day": [date(2013, 1, 1), None],
            "zoned": pl.Series([moment, None]).dt.convert_time_zone("America/New_York"),
            "nano": pl.Series([datetime(2013, 1, 1), None], dtype=pl.Datetime("ns")),
            "nothing": pl.Series([None, None], dtype=pl.Null),
        }
    ).write_parquet(tmp_path / "t.parquet")
    dataset = ingest(tmp_path, tmp_path / "t.parquet")
    kinds = {column.name: column.dtype for column in dataset.columns}
    assert kinds == {
        "small": "int64", "half": "float64", "exact": "float64", "kind": "string", "fixed": "string",
        "day": "timestamp", "zoned": "timestamp", "nano": "timestamp", "nothing": "string",
    }  # fmt: skip
    first, second = rows(dataset)
    assert first == {
        "small": 1, "half": 0.5, "exact": 1.25, "kind": "a", "fixed": "a", "day": datetime(2013, 1, 1),
        "zoned": datetime(2013, 1, 1, 12), "nano": datetime(2013, 1, 1), "nothing": None,
    }  # fmt: skip
    assert second["half"] is None


@pytest.mark.parametrize(
    "values",
    [
        [time(12, 30)], [timedelta(seconds=1)], [[1, 2]], [{"a": 1}], [b"bytes"],
    ],
    ids=["time", "duration", "list", "structure", "binary"],
)  # fmt: skip
def test_a_type_that_a_dataset_cannot_have_is_refused_by_column_unless_left_out(
    tmp_path: Path, values: list[object]
) -> None:
    pl.DataFrame({"odd": values, "a": [1]}).write_parquet(tmp_path / "t.parquet")
    with pytest.raises(DataError, match=r"column 'odd': expected numbers, text, booleans or times, got the type"):
        ingest(tmp_path, tmp_path / "t.parquet")
    assert ingest(tmp_path, tmp_path / "t.parquet", columns=["a"]).rows == 1


def test_rows_and_columns_are_chosen_in_the_order_that_is_documented(tmp_path: Path) -> None:
    described: dict[str, object] = {}
    dataset = ingest_text(
        tmp_path, TEXT, label="late", derived={"late": "delay > 15", "later": "late AND delay > 18"},
        columns=["distance", "later"], where="carrier IS NOT NULL", time_column="when",
        time_start="2013-01-01T10:00:00Z", time_end="2013-01-02T12:00:00+02:00", key_columns=["note"],
        describe=described.update,
    )  # fmt: skip
    assert [column.name for column in dataset.columns] == ["distance", "later", "late", "when", "note"]
    assert [(row["late"], row["later"]) for row in rows(dataset)] == [(True, True)]
    assert dataset.exclusions == (
        {"reason": "not true: carrier IS NOT NULL", "rows": 1},
        {"reason": "at or after time_end 2013-01-02T10:00:00", "rows": 1},
        {"reason": "label is missing", "rows": 1},
    )
    assert dataset.label == "late"
    assert dataset.key_columns == ("note",)
    assert dataset.time_window["start"] == "2013-01-01T10:00:00.000000"
    assert described == {"rows": 1, "columns": 5, "digest": dataset.digest, "label": "late"}


def test_the_time_window_takes_its_start_and_not_its_end(tmp_path: Path) -> None:
    dataset = ingest_text(
        tmp_path, TEXT, time_column="when", time_start="2013-01-01T11:00", time_end="2013-01-03T10:00"
    )
    assert [row["when"] for row in rows(dataset)] == [datetime(2013, 1, 1, 11), datetime(2013, 1, 2, 10)]


def test_nan_is_missing_for_labels_and_conditions(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": [1.0, float("nan"), 3.0], "b": [float("nan"), 2.0, 3.0]}), tmp_path / "t.parquet")
    dataset = ingest(tmp_path, tmp_path / "t.parquet", label="a", where="b IS NOT NULL")
    assert rows(dataset) == [{"a": 3.0, "b": 3.0}]
    assert [exclusion["rows"] for exclusion in dataset.exclusions] == [1, 1]


def test_rows_whose_label_comes_later_are_kept_where_none_is_required(tmp_path: Path) -> None:
    arguments: dict[str, Any] = {"label": "late", "derived": {"late": "delay > 15"}, "columns": ["distance"]}
    dataset = ingest_text(tmp_path, TEXT, label_required=False, **arguments)
    assert [row["late"] for row in rows(dataset)] == [True, None, False, True]
    assert (dataset.label, dataset.exclusions) == ("late", ())


def test_a_label_can_be_derived_before_any_of_its_values_has_come(tmp_path: Path) -> None:
    text = "a,delay\n1,\n2,NA\n"
    arguments: dict[str, Any] = {"label": "late", "derived": {"late": "delay > 15"}}
    dataset = ingest_text(tmp_path, text, label_required=False, **arguments)
    assert rows(dataset) == [{"a": 1, "delay": None, "late": None}, {"a": 2, "delay": None, "late": None}]
    assert dataset.columns[1:] == (Column("delay", "string"), Column("late", "bool"))


@pytest.mark.parametrize(
    "sql",
    [
        "delay > (SELECT secret FROM read_csv('{file}'))",
        "EXISTS (select 1)",
        "delay > (FROM read_csv('{file}'))",
        "delay > ( /* */ FROM read_csv('{file}'))",
        "(VALUES (1))",
        "delay > 1 -- nothing",
    ],
)
def test_an_expression_reads_no_other_file(tmp_path: Path, sql: str) -> None:
    file = write(tmp_path / "other.csv", "hush-hush\n1\n")
    with pytest.raises(ArgumentError, match=r"where: expected one SQL expression .*got a query or a comment") as fault:
        ingest_text(tmp_path, TEXT, where=sql.format(file=file))
    assert "hush-hush" not in str(fault.value)


def test_blank_lines_are_counted(tmp_path: Path) -> None:
    dataset = ingest_text(tmp_path, "a,b\n1,2\n\n3,4\n\n")
    assert rows(dataset) == [{"a": 1, "b": 2}, {"a": 3, "b": 4}]
    assert dataset.exclusions == ({"reason": "line is blank", "rows": 2},)


def test_a_row_of_missing_values_is_no_blank_line(tmp_path: Path) -> None:
    assert rows(ingest_text(tmp_path, "a,b\n1,2\n,\n")) == [{"a": 1, "b": 2}, {"a": None, "b": None}]


def test_an_empty_line_of_a_single_column_is_a_missing_value(tmp_path: Path) -> None:
    assert [row["a"] for row in rows(ingest_text(tmp_path, "a\n1\n\n2\n"))] == [1, None, 2]


def test_the_index_that_pandas_writes_is_ignored_and_listed(tmp_path: Path) -> None:
    dataset = ingest_text(tmp_path, ",a,b\n0,1,x\n1,2,y\n")
    assert [column.name for column in dataset.columns] == ["a", "b"]
    assert dataset.source["ignored_columns"] == [""]
    shutil.rmtree(tmp_path / "dataset")
    pq.write_table(pa.table({"a": [1], "__index_level_0__": [5]}), tmp_path / "t.parquet")
    assert ingest(tmp_path, tmp_path / "t.parquet").source["ignored_columns"] == ["__index_level_0__"]


def test_the_same_rows_get_the_same_ids_from_csv_and_from_parquet(tmp_path: Path) -> None:
    one = ingest_text(tmp_path, TEXT).table()["row_id"].to_pylist()
    shutil.rmtree(tmp_path / "dataset")
    assert ingest(tmp_path, as_parquet(tmp_path / "t.parquet")).table()["row_id"].to_pylist() == one


@pytest.mark.parametrize(
    ("text", "arguments", "message"),
    [
        ("", {}, r"file .*table\.csv: expected a header in the first line, got no text"),
        ("a,b\n", {}, r"table: expected at least one row, got none"),
        (TEXT, {"where": "delay > 100"}, r"where: expected a choice that leaves rows, got none left by delay > 100"),
        (TEXT, {"time_column": "when", "time_start": "2014-01-01"}, r"time window: .*none left by 2014-01-01"),
        (TEXT, {"label": "dely"}, r"label: expected a column of the table \(nearest: 'delay'\), got 'dely'"),
        (TEXT, {"label": "zzz"}, r"label: .*nearest: 'when', 'carrier', 'delay', 'distance', 'note'\), got 'zzz'"),
        ("a,b\n1,\n2,NA\n", {"label": "b"}, r"label column 'b': expected values, got none in 2 rows"),
        ("a,b,a\n1,2,3\n", {}, r"header of .*table\.csv: expected a different name .*got 'a' in columns \[1, 3\]"),
        ("a,,b\n1,2,3\n", {}, r"header of .*: expected a name for each column, got column 2 without one"),
        (b"a,b\n1,2\nx,caf\xe9\n", {}, r"file .*table\.csv: expected text in UTF-8, got the byte 0xe9 at offset 13"),
        (b"a,b\r1,2\r3,4\r", {}, r"file .*table\.csv: expected lines that end in .*got a carriage return alone"),
        ("a,b\n1,2\n3\n", {}, r"line 3 of .*table\.csv: expected 2 fields, as in the header, got 1"),
        ("a,b\n1,2\n3,4,5\n6,7\n", {}, r"line 3 of .*: expected 2 fields, as in the header, got 3"),
        ('a,b\n"x\ny",2\n3,4,5\n', {}, r"line 4 of .*: expected 2 fields, as in the header, got 3"),
        ('a,b\n1,"2\n3,4\n', {}, r"record from line 2 of .*: expected quotes that are closed.*unexpected end of"),
        ("a,b\n1.5,inf\n2,-inf\n", {}, r"column 'b': expected finite numbers, got 2 infinite ones"),
        ("row_id,b\n1,2\n", {}, r"column 'row_id': expected a name other than that of the dataset's own identity"),
        ("a,b\n9223372036854775808,1\n", {}, r"column 'a': expected whole numbers of 64 bits.*got 92233720368"),
        (TEXT, {"columns": ["delay", "nothing"]}, r"columns: expected a column of the table .*got 'nothing'"),
        (TEXT, {"columns": ["delay", "delay"]}, r"columns: expected each column once"),
        (TEXT, {"columns": [3]}, r"columns: expected names of columns, got 3"),
        (TEXT, {"key_columns": ["tail"]}, r"key_columns: expected a column of the table .*got 'tail'"),
        (TEXT, {"key_columns": ["carrier"]}, r"key_columns \['carrier'\]: expected a different key in each row"),
        (TEXT, {"where": "delay >"}, r"where: expected one SQL expression .*got 'delay >' \(unable to parse"),
        (TEXT, {"where": "delay > 1; DROP TABLE x"}, r"where: expected one SQL expression"),
        (TEXT, {"where": "delay IN (SELECT delay FROM self)"}, r"where: expected "),
        (TEXT, {"where": "delya > 1"}, r"where: expected a column of the table \(nearest: 'delay'\), got 'delya'"),
        (TEXT, {"where": "delay + 1"}, r"where: expected a condition, true or false, got Int64 from 'delay \+ 1'"),
        (TEXT, {"where": "carrier > 3"}, r"where: expected an expression that fits the columns' types, got"),
        (TEXT, {"derived": {"late": "delay >"}}, r"derived\['late'\]: expected one SQL expression"),
        (TEXT, {"derived": {"late": 3}}, r"derived\['late'\]: expected one SQL expression .*got 3"),
        (TEXT, {"derived": {"delay": "1"}}, r"derived\['delay'\]: expected the name of a new column, got one"),
        (TEXT, {"derived": {"row_id": "1"}}, r"derived\['row_id'\]: expected the name of a new column"),
        (TEXT, {"time_column": "carrier"}, r"time_column 'carrier': expected times .*got String, as \['UA'\]"),
        (TEXT, {"time_column": "whenn"}, r"time_column: expected a column of the table \(nearest: 'when'\)"),
        (TEXT, {"time_start": "2013-01-01"}, r"time_column: expected a column for time_start, got nothing"),
        (TEXT, {"time_column": "when", "time_start": "soon"}, r"time_start: expected a time in ISO 8601.*got 'soon'"),
        (TEXT, {"time_column": "when", "time_start": "2013-02-01", "time_end": "2013-02-01"},
         r"time_end: expected a time after 2013-02-01T00:00:00, got 2013-02-01T00:00:00"),
        (TEXT, {"format": "excel"}, r"format: expected csv, parquet, or nothing, got 'excel'"),
        (TEXT, {"format": "parquet"}, r"file table\.csv of .*: expected a whole Parquet file"),
    ],
    ids=str,
)  # fmt: skip
def test_a_fault_in_table_or_parameters_is_one_error_that_names_it(
    tmp_path: Path, text: str | bytes, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises((ArgumentError, DataError), match=message):
        ingest_text(tmp_path, text, **arguments)
    assert not (tmp_path / "dataset").exists()


def two_files() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("a.csv", TEXT)
        archive.writestr("b.csv", TEXT)
    return stream.getvalue()


def parquet_bytes(table: pa.Table) -> bytes:
    stream = io.BytesIO()
    pq.write_table(table, stream)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.csv.zip", two_files(), r"expected a zip with one CSV file, got 2: a\.csv, b\.csv"),
        ("t.csv.zip", zipped(TEXT)[:-30], r"expected a whole zip file"),
        ("t.csv.gz", gzip.compress(TEXT.encode() * 50)[:-20], r"expected a whole gzip file"),
        ("t.parquet", parquet_bytes(pa.table({"a": [1]}))[:-3], r"expected a whole Parquet file"),
        ("t.parquet", b"<html>not found</html>", r"expected a whole Parquet file"),
        ("t.parquet", b"PAR1" + b"\0" * 40 + b"PAR1", r"file .*t\.parquet"),
        ("t.parquet", parquet_bytes(pa.Table.from_arrays([[1], [2]], ["a", "a"])), r"got 'a' twice"),
        ("t.parquet", parquet_bytes(pa.table({"a": pa.array([2**64 - 1], pa.uint64())})), r"column 'a': .*64 bits"),
        ("t.parquet", parquet_bytes(pa.table({"a": pa.array([], pa.int64())})), r"table: expected at least one row"),
    ],
    ids=[
        "two files in a zip", "torn zip", "torn gzip", "torn parquet", "a page instead of parquet", "broken footer",
        "a name twice", "beyond 64 bits", "no rows",
    ],
)  # fmt: skip
def test_a_torn_or_wrong_file_is_one_error(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        ingest(tmp_path, write(tmp_path / name, content))


def test_parquet_under_the_name_of_csv_is_read_unless_csv_is_asked_for(tmp_path: Path) -> None:
    file = as_parquet(tmp_path / "t.csv")
    with pytest.raises(DataError, match=r"expected CSV, as the parameter format says, got Parquet"):
        ingest(tmp_path, file, format="csv")
    assert ingest(tmp_path, file).source["format"] == "parquet"


@pytest.mark.parametrize("source", ["", "nothing.csv", "file:///nothing.csv", "ftp://host/t.csv", "hdfs://t"])
def test_an_address_where_nothing_can_be_read_is_refused(tmp_path: Path, source: str) -> None:
    with pytest.raises(ArgumentError, match=r"source_uri: expected .*got "):
        ingest(tmp_path, source)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ArgumentError, match=r"source_uri: expected a file, or a folder of \*\.parquet files"):
        ingest(tmp_path, tmp_path / "empty")


def test_parquet_files_of_different_columns_are_refused(tmp_path: Path) -> None:
    folder = as_folder(tmp_path / "parts")
    as_parquet(folder / "c.parquet", [{"other": 1}])
    with pytest.raises(DataError, match=r"expected Parquet files of one schema"):
        ingest(tmp_path, folder)


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk", 64) as disk:
        yield disk


def random_text() -> str:
    return "a\n" + "\n".join(map(str, np.random.default_rng(0).integers(0, 10**15, 30_000))) + "\n"


def test_a_full_disk_is_an_error_that_says_so(tmp_path: Path, full_disk: Path) -> None:
    file = write(tmp_path / "t.csv", random_text())
    with pytest.raises(FoldlineError, match=r"disk of .*: expected room .*No space left on device"):
        run(str(file), full_disk / "dataset")


def test_a_full_disk_for_temporary_files_is_an_error_that_says_so(
    tmp_path: Path, full_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(full_disk))
    file = write(tmp_path / "t.csv.gz", gzip.compress(random_text().encode()))
    with pytest.raises(FoldlineError, match=r"disk of .*: expected room .*No space left on device"):
        run(str(file), tmp_path / "dataset")
    assert list(full_disk.iterdir()) == []


def test_the_component_hands_every_parameter_on(tmp_path: Path) -> None:
    from kfp import dsl

    from foldline.data.ingest_dataset.component import ingest_dataset

    artifact = dsl.Dataset(uri=str(tmp_path / "dataset"))
    ingest_dataset.python_func(
        source_uri=str(write(tmp_path / "t.data", TEXT)), dataset=artifact, format="csv", label="late",
        columns=["carrier"], derived={"late": "delay > 15"}, where="delay < 100", time_column="when",
        time_start="2013-01-01", time_end="2013-01-03", key_columns=["when"], label_required=True,
    )  # fmt: skip
    dataset = Dataset.read(tmp_path / "dataset")
    assert rows(dataset) == [
        {"carrier": "UA", "late": True, "when": datetime(2013, 1, 1, 10)},
        {"carrier": "UA", "late": False, "when": datetime(2013, 1, 2, 10)},
    ]
    assert [exclusion["rows"] for exclusion in dataset.exclusions] == [1, 1]
    assert dataset.key_columns == ("when",)
    assert artifact.metadata == dataset.summary()
