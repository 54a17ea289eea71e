"""Rows that are sent as requests: the model's columns of a file, as a client sends them."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

from builders import models
from foldline.artifacts import Dataset
from foldline.errors import ArgumentError, DataError
from foldline.serving.deploy_canary import traffic

HEADER = "carrier,distance,seats,night,departure,arr_delay"


@pytest.mark.parametrize(
    ("line", "row"),
    [
        ("UA,1.5,20,true,2013-10-01T09:00:00Z,7", {"departure": "2013-10-01T09:00:00"}),
        ("UA,1.5,20,true,2013-10-01 05:00:00,7", {"departure": "2013-10-01T05:00:00"}),
        ("NA,NA,NA,NA,NA,NA", {"carrier": None, "distance": None, "seats": None, "night": None, "departure": None}),
        ("007,2,3,false,,", {"carrier": "007", "distance": 2.0, "seats": 3, "night": False, "departure": None}),
    ],
)
def test_a_csv_file_gives_the_model_s_columns(line: str, row: dict[str, object], tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text(f"{HEADER}\n{line}\n")
    (found,) = traffic.of_file(str(file), models.SIGNATURE)
    assert list(found) == [column.name for column in models.SIGNATURE]
    assert {name: found[name] for name in row} == row


def test_a_parquet_file_gives_the_rows_of_the_dataset(dataset: Dataset, tmp_path: Path) -> None:
    table = dataset.table()
    pyarrow.parquet.write_table(table, tmp_path / "rows.parquet")
    found = traffic.of_file(str(tmp_path / "rows.parquet"), models.SIGNATURE)
    assert found == traffic.of_dataset(dataset, pa.array(table["row_id"].to_pylist()), models.SIGNATURE)
    assert len(found) == dataset.rows


@pytest.mark.parametrize(
    ("name", "text", "error", "said"),
    [
        ("rows.txt", HEADER, ArgumentError, r"expected a file NAME\.parquet or NAME\.csv of this machine"),
        ("gone.csv", None, ArgumentError, "expected a file"),
        ("rows.csv", f"{HEADER}\n", ArgumentError, "expected a table with rows"),
        ("rows.csv", "carrier,distance\nUA,1\n", DataError, "expected the columns distance, seats, night"),
        ("rows.csv", f"{HEADER}\nUA,far,1,true,,1\n", DataError, "expected values of the model's columns, got .*far"),
        ("rows.csv", f"{HEADER}\nUA,1,1,true,soon,1\n", DataError, "expected values of the model's columns"),
        ("rows.parquet", "no parquet", DataError, "expected values of the model's columns"),
    ],
)
def test_a_file_that_cannot_be_sent_is_told(
    name: str, text: str | None, error: type[Exception], said: str, tmp_path: Path
) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(error, match=said):
        traffic.of_file(str(tmp_path / name), models.SIGNATURE)
