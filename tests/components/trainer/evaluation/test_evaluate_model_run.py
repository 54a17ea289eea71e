"""evaluate_model scores the test rows with the exported model, once."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from builders import models
from foldline.artifacts import Model, Predictions
from foldline.artifacts.signature import tensors_from_table
from foldline.errors import ArtifactError, ComparisonError, DataError, FoldlineError
from foldline.evaluation import metrics
from foldline.evaluation.evaluate_model.run import run


def evaluate(held: Any, model: Model, out: Path, kind: str = "binary") -> dict[str, Any]:
    logged: dict[str, Any] = {"metrics": {}, "metadata": {}}
    run(
        dataset=str(held.dataset.path),
        folds=str(held.folds[kind].path),
        model=str(model.path),
        predictions=str(out / "predictions"),
        report=str(out / "report.html"),
        log_metric=logged["metrics"].__setitem__,
        log_roc_curve=lambda *points: logged.update(roc=points),
        log_confusion_matrix=lambda *matrix: logged.update(confusion=matrix),
        describe=logged["metadata"].update,
    )
    return logged


@pytest.mark.parametrize("kind", ["binary", "multiclass", "regression"])
def test_every_test_row_is_scored_from_the_saved_model(held: Any, tmp_path: Path, kind: str) -> None:
    import tensorflow as tf

    model = models.model(tmp_path / "model", held.train, kind)
    logged = evaluate(held, model, tmp_path, kind)

    written = Predictions.read(tmp_path / "predictions")
    assert set(written.row_id) == set(held.test)
    assert written.origin == {
        "kind": "test",
        "model": model.digest,
        "dataset": held.dataset.digest,
        "folds": held.folds[kind].digest,
    }
    table = held.dataset.table()
    rows = table.filter(np.isin(table["row_id"].to_numpy(), held.test))
    raw = {name: tf.constant(value) for name, value in tensors_from_table(rows, model.signature).items()}
    served = tf.saved_model.load(str(model.saved_model)).signatures["serving_default"](**raw)["predictions"]
    assert np.array_equal(written.prediction, served.numpy())
    assert logged["metrics"] == {
        f"test_{name}": value for name, value in metrics.score(written.task, written.label, written.prediction).items()
    }
    assert ("roc" in logged, "confusion" in logged) == (kind == "binary", kind != "regression")
    json.dumps([logged.get("roc"), logged.get("confusion")], allow_nan=False)
    page = (tmp_path / "report.html").read_text()
    assert "<svg" in page
    assert all(name in page for name in metrics.score(written.task, written.label, written.prediction))
    assert logged["metadata"] == {"kind": "test", "rows": 300, "model": model.digest}


def other_label(held: Any, tmp_path: Path) -> Model:
    return models.model(tmp_path / "model", held.train, "regression")


def seen_row(held: Any, tmp_path: Path) -> Model:
    return models.model(tmp_path / "model", [*held.train, *held.test[:3]])


def nan_predictions(held: Any, tmp_path: Path) -> Model:
    return models.model(tmp_path / "model", held.train, bias=float("nan"))


def torn(held: Any, tmp_path: Path) -> Model:
    model = models.model(tmp_path / "model", held.train)
    (model.saved_model / "saved_model.pb").write_bytes(b"torn")
    return model


def missing_column(held: Any, tmp_path: Path) -> Model:
    return models.model(
        tmp_path / "model", held.train, signature=(*models.SIGNATURE, models.RawColumn("wind", "float64"))
    )


def other_dtype(held: Any, tmp_path: Path) -> Model:
    changed = tuple(models.RawColumn("seats", "float64") if c.name == "seats" else c for c in models.SIGNATURE)
    return models.model(tmp_path / "model", held.train, signature=changed)


@pytest.mark.parametrize(
    ("made", "error", "said"),
    [
        (other_label, ArtifactError, r"expected one of 'late' \(binary.*got one of 'delay' \(regression"),
        (seen_row, ComparisonError, "none that the model was trained on, got 3 of 300"),
        (nan_predictions, DataError, "300 of 300 rows with NaN or infinity"),
        (torn, ArtifactError, "saved_model.pb: expected sha256:"),
        (missing_column, ComparisonError, "none called wind"),
        (other_dtype, ComparisonError, "column 'seats'.*expected float64.*got int64"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_model_that_cannot_be_judged_is_one_clear_error_and_leaves_no_predictions(
    held: Any, tmp_path: Path, made: Any, error: type[FoldlineError], said: str
) -> None:
    with pytest.raises(error, match=said):
        evaluate(held, made(held, tmp_path), tmp_path)
    assert not (tmp_path / "predictions").exists()


def test_no_test_rows_is_an_error(held: Any, tmp_path: Path) -> None:
    model = models.model(tmp_path / "model", held.train)
    folds = {"binary": models.folds(tmp_path / "folds", held.dataset, test_fraction=0.0)}
    with pytest.raises(ComparisonError, match="at least one, got none"):
        evaluate(held._replace(folds=folds), model, tmp_path)
