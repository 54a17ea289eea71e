"""Datasets: what is written is read, and what is read is checked."""

import json
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from foldline.artifacts import Column, Dataset, dataset
from foldline.artifacts.dataset import row_id_array
from foldline.artifacts.seal import seal
from foldline.artifacts.task import Task
from foldline.errors import ArtifactError


def table() -> pa.Table:
    return pa.table(
        {
            "age": pa.array([30, None, 50]),
            "height": pa.array([1.5, 1.75, None]),
            "name": pa.array(["a", "b", None]),
            "well": pa.array([True, None, False]),
            "born": pa.array([datetime(1990, 5, 1), None, datetime(1970, 1, 1)], pa.timestamp("us")),
        }
    )


def write(path: Path, rows: pa.Table | None = None) -> Dataset:
    return Dataset.write(
        path,
        table() if rows is None else rows,
        source={"uri": "here"},
        label="well",
        time_column="born",
        exclusions=({"reason": "label is missing", "rows": 4},),
    )


def test_a_dataset_is_read_as_it_was_written(tmp_path: Path) -> None:
    written = write(tmp_path / "dataset")
    assert Dataset.read(tmp_path / "dataset") == written
    assert written.rows == 3
    assert written.columns == (
        Column("age", "int64"), Column("height", "float64"), Column("name", "string"), Column("well", "bool"),
        Column("born", "timestamp"),
    )  # fmt: skip
    assert written.time_window == {
        "column": "born", "start": "1970-01-01T00:00:00.000000", "end": "1990-05-01T00:00:00.000000",
    }  # fmt: skip
    assert written.exclusions == ({"reason": "label is missing", "rows": 4},)
    assert written.table().drop(["row_id"]).equals(table())
    assert written.table(["name"]).column_names == ["row_id", "name"]
    assert written.dtype("born") == "timestamp"
    assert written.summary() == {"rows": 3, "columns": 5, "digest": written.digest, "label": "well"}


def test_files_of_a_million_rows_are_read_as_one_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dataset, "ROWS_PER_FILE", 2)
    written = write(tmp_path / "dataset")
    assert len(list((tmp_path / "dataset" / "data").iterdir())) == 2
    assert written.table().drop(["row_id"]).equals(table())
    assert row_id_array(written.table()).tolist() == row_id_array(write(tmp_path / "one").table()).tolist()


def test_the_digest_is_that_of_the_content(tmp_path: Path) -> None:
    one, other = write(tmp_path / "one"), write(tmp_path / "other", table().take([2, 0, 1]))
    assert one.digest == other.digest
    assert one.digest != write(tmp_path / "less", table().slice(1)).digest


def test_a_lost_file_is_named(tmp_path: Path) -> None:
    write(tmp_path / "dataset")
    (tmp_path / "dataset" / "data" / "part-00000.parquet").unlink()
    with pytest.raises(ArtifactError, match=r"part-00000\.parquet: .*no such file"):
        Dataset.read(tmp_path / "dataset")


def test_a_wrong_number_of_rows_is_refused_even_under_a_good_seal(tmp_path: Path) -> None:
    folder = tmp_path / "dataset"
    write(folder)
    manifest = json.loads((folder / dataset.MANIFEST).read_text())
    content = {name: value for name, value in manifest.items() if name not in ("form", "files", "seal")}
    seal(folder, dataset.MANIFEST, dataset.FORM, {**content, "rows": 4})
    with pytest.raises(ArtifactError, match=r"field rows of .*expected 4, got 3"):
        Dataset.read(folder).table()


def test_times_that_are_all_missing_give_no_window(tmp_path: Path) -> None:
    rows = table().set_column(4, "born", pa.nulls(3, pa.timestamp("us")))
    assert write(tmp_path / "dataset", rows).time_window == {}


def test_row_ids_are_not_negative_and_differ(tmp_path: Path) -> None:
    ids = row_id_array(write(tmp_path / "dataset", pa.concat_tables([table()] * 50)).table())
    assert ids.min() >= 0
    assert len(np.unique(ids)) == 150


def test_a_scored_dataset_keeps_its_rows_identities_and_says_whose_predictions_it_holds(tmp_path: Path) -> None:
    plain = write(tmp_path / "plain")
    task = Task("binary", ("false", "true"))
    model = {"version": "1", "digest": "sha256:0", "label": "well", "task": task.to_json(), "predictions": ["p"]}
    rows = plain.table().drop(["row_id"]).append_column("p", pa.array([0.5, None, 0.25]))
    scored = Dataset.write(
        tmp_path / "scored", rows, source=plain.source, label="well", model=model, row_id=row_id_array(plain.table([]))
    )
    assert row_id_array(scored.table([])).tolist() == row_id_array(plain.table([])).tolist()
    assert scored.scored_task == task
    with pytest.raises(ArtifactError, match="score_champion"):
        _ = plain.scored_task
