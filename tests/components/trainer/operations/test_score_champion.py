"""score_champion: new rows and the champion's own, both with predictions, whatever became of the source."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from sklearn.metrics import roc_auc_score

from builders import models
from foldline.artifacts import Column, Dataset, Model, Predictions
from foldline.artifacts.dataset import row_id_array
from foldline.artifacts.model import REFERENCE
from foldline.errors import ArtifactError
from foldline.operations.score_champion.columns import in_columns
from foldline.operations.score_champion.run import run
from foldline.store import open_store
from foldline.training.train_model.reference import write_reference


@dataclass(frozen=True)
class Champion:
    """A model with a reference, in a store."""

    folder: Path
    model: Model
    version: str
    store_uri: str


def enthrone(folder: Path, kind: str) -> Champion:
    trained = models.dataset(folder / "trained", rows=400)
    row_id = row_id_array(trained.table([]))
    task = models.TASKS[kind]
    predictions = Predictions.write(
        folder / "predictions",
        task=task,
        row_id=row_id[:300],
        fold=np.zeros(300, np.int64),
        label=np.zeros(300, np.float32),
        prediction=np.full((300, task.outputs), 0.25, np.float32),
        origin={},
    )
    write_reference(folder / "model" / REFERENCE, trained, predictions, models.LABELS[kind])
    model = models.model(folder / "model", row_id, kind)
    store = open_store(str(folder / "store"))
    return Champion(folder, model, store.register("late", model.path), store.uri)


@pytest.fixture(scope="module")
def champion(tmp_path_factory: pytest.TempPathFactory) -> Champion:
    return enthrone(tmp_path_factory.mktemp("champion"), "binary")


@dataclass(frozen=True)
class Scored:
    reference: Dataset
    scored: Dataset
    logged: dict[str, float]


def score(champion: Champion, table: pa.Table, out: Path) -> Scored:
    Dataset.write(out / "window", table, source={"uri": "made"}, time_column="departure")
    logged: dict[str, float] = {}
    run(
        *(str(out / name) for name in ("window", "reference", "scored")),
        store_uri=champion.store_uri,
        model_name="late",
        model_version=champion.version,
        log_metric=logged.__setitem__,
        describe_reference=lambda summary: None,
        describe_scored=lambda summary: None,
    )
    return Scored(Dataset.read(out / "reference"), Dataset.read(out / "scored"), logged)


def test_new_rows_keep_their_identities_and_columns_and_get_the_models_predictions(
    champion: Champion, tmp_path: Path
) -> None:
    found = score(champion, models.table(300, seed=1), tmp_path)
    window, table = Dataset.read(tmp_path / "window"), found.scored.table()
    assert table.drop(["prediction"]).equals(window.table())
    distance = np.nan_to_num(table["distance"].to_numpy(zero_copy_only=False))
    carrier = pc.fill_null(pc.equal(table["carrier"], "UA"), False).to_numpy()
    expected = 1.0 / (1.0 + np.exp(-(1.5 * distance + 0.1 * carrier)))
    np.testing.assert_allclose(table["prediction"].to_numpy(), expected, atol=1e-6)
    assert found.scored.time_window == window.time_window
    assert found.logged["rows"] == found.logged["labelled_rows"] == 300
    assert found.logged["roc_auc"] == pytest.approx(roc_auc_score(table["late"].to_numpy(), expected))


def test_both_datasets_say_whose_predictions_they_hold(champion: Champion, tmp_path: Path) -> None:
    found = score(champion, models.table(50, seed=1), tmp_path)
    held = {
        "version": champion.version,
        "digest": champion.model.digest,
        "label": "late",
        "predictions": ["prediction"],
    }
    for dataset in (found.reference, found.scored):
        assert dataset.label == "late"
        assert dataset.scored_task == models.BINARY
        assert dataset.model == {**held, "task": found.reference.model["task"]}
    own = Dataset.read(champion.model.path / REFERENCE)
    assert found.reference.table().equals(own.table())
    assert found.reference.time_window == own.time_window


@pytest.mark.parametrize("known", [0, 1, 120])
def test_labels_may_be_missing(champion: Champion, tmp_path: Path, known: int) -> None:
    table = models.table(300, seed=2)
    column = table.column_names.index("late")
    late = pa.array(table["late"].to_pylist(), pa.bool_(), mask=np.arange(300) >= known)
    found = score(champion, table.set_column(column, "late", late), tmp_path)
    assert found.scored.table()["late"].null_count == 300 - known
    assert found.scored.table()["prediction"].null_count == 0
    assert found.logged["labelled_rows"] == known
    assert ("roc_auc" in found.logged) == (known == 120)


CHANGES: dict[str, tuple[Callable[[pa.ChunkedArray], pa.Array | None], str]] = {
    "absent": (lambda values: None, "distance"),
    "converted": (lambda values: pc.cast(values, pa.string()), "seats"),
    "unusable": (lambda values: pa.array([f"{value} km" for value in values.to_pylist()]), "distance"),
    "": (lambda values: pa.nulls(len(values), pa.string()), "distance"),
}


@pytest.mark.parametrize("kind", sorted(CHANGES))
def test_a_source_that_changed_is_scored_and_the_change_is_named(champion: Champion, tmp_path: Path, kind: str) -> None:
    table = models.table(60, seed=3)
    change, name = CHANGES[kind]
    values = change(table[name])
    column = table.column_names.index(name)
    changed = table.remove_column(column) if values is None else table.set_column(column, name, values)
    found = score(champion, changed.append_column("new", pa.array(range(60))), tmp_path).scored
    assert found.source["columns"] == ({kind: [name]} if kind else {}) | {"ignored": ["new"]}
    assert [(column.name, column.dtype) for column in found.columns][:-1] == [
        (column.name, column.dtype) for column in Dataset.read(champion.model.path / REFERENCE).columns
    ][:-1]
    kept = found.table()[name]
    assert kept.equals(table[name]) if kind == "converted" else kept.null_count == 60
    assert found.table()["prediction"].null_count == 0


@pytest.mark.parametrize("kind", ["multiclass", "regression"])
def test_every_task_is_scored(tmp_path: Path, kind: str) -> None:
    champion = enthrone(tmp_path / "champion", kind)
    found = score(champion, models.table(80, seed=4), tmp_path)
    names = found.scored.model["predictions"]
    assert len(names) == champion.model.task.outputs
    assert all(found.scored.table()[name].null_count == 0 for name in names)
    assert {"multiclass": "log_loss", "regression": "rmse"}[kind] in found.logged


def test_a_model_without_a_reference_is_refused_with_what_to_do(tmp_path: Path) -> None:
    older = models.model(tmp_path / "plain", [1], name="older")
    store = open_store(str(tmp_path / "store"))
    version = store.register("late", older.path)
    with pytest.raises(ArtifactError, match=r"expected a sample of its table.*got none. It was .*Train it again"):
        score(Champion(tmp_path, older, version, store.uri), models.table(50), tmp_path)


@pytest.mark.parametrize(
    ("given", "dtype", "expected", "kind"),
    [
        (pa.array([1, None]), "float64", [1.0, None], "converted"),
        (pa.array([1.0, None]), "int64", [1, None], "converted"),
        (pa.array([1.5, None]), "int64", [None, None], "unusable"),
        (pa.array(["7", None]), "int64", [7, None], "converted"),
        (pa.array([True, None]), "timestamp", [None, None], "unusable"),
        (pa.array([3, None]), "string", ["3", None], "converted"),
    ],
)
def test_a_value_is_converted_only_where_none_is_lost(
    given: pa.Array, dtype: str, expected: list[Any], kind: str
) -> None:
    table, changed = in_columns(pa.table({"a": given}), [Column("a", dtype)])
    assert table["a"].to_pylist() == expected
    assert changed == {kind: ["a"]}
