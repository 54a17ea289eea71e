"""Files of `evaluate_model`: artifacts in, predictions and report out."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from foldline.artifacts import Dataset, Folds, Model, Predictions
from foldline.artifacts.dataset import row_id_array
from foldline.artifacts.signature import tensors_from_table
from foldline.disk import room_for
from foldline.errors import ArtifactError, ComparisonError
from foldline.evaluation import metrics
from foldline.evaluation.columns import check_columns
from foldline.evaluation.evaluate_model import page
from foldline.predictor import Predictor


@room_for("the outputs")
def run(
    *,
    dataset: str,
    folds: str,
    model: str,
    predictions: str,
    report: str,
    log_metric: Callable[[str, float], None],
    log_roc_curve: Callable[[list[float], list[float], list[float]], None],
    log_confusion_matrix: Callable[[list[str], list[list[int]]], None],
    describe: Callable[[dict[str, Any]], None],
) -> None:
    """Score the test rows of `dataset` with the SavedModel of `model`.

    Raises:
        ArtifactError: an input is torn, or they do not belong together.
        ComparisonError: there are no test rows, or the model was trained on some.
        DataError: the test rows cannot be scored (one class only, predictions that are not finite).
    """
    table_of, assigned, exported = Dataset.read(Path(dataset)), Folds.read(Path(folds)), Model.read(Path(model))
    if (exported.task, exported.label) != (assigned.task, assigned.label):
        raise ArtifactError(
            f"model {model}",
            expected=f"one of {assigned.label!r} ({assigned.task.kind}, classes {list(assigned.task.classes)})",
            got=f"one of {exported.label!r} ({exported.task.kind}, classes {list(exported.task.classes)})",
        )
    check_columns(exported, table_of, whose="the model")
    names = [column.name for column in exported.signature]
    rows = table_of.table([*names, *([] if exported.label in names else [exported.label])])
    rows = rows.filter(pa.array(assigned.align(row_id_array(rows), table_of.digest).test))
    _check_unseen(rows, exported)
    label = exported.task.encode(rows[exported.label])
    prediction = Predictor(exported).predict(tensors_from_table(rows, exported.signature))
    scores = metrics.score(exported.task, label, prediction)

    written = Predictions.write(
        Path(predictions),
        task=exported.task,
        row_id=row_id_array(rows),
        fold=np.full(len(label), -1),
        label=label,
        prediction=prediction,
        origin={"kind": "test", "model": exported.digest, "dataset": table_of.digest, "folds": assigned.digest},
    )
    for name, value in scores.items():
        log_metric(f"test_{name}", value)
    if exported.task.kind == "binary":
        log_roc_curve(*(points.tolist() for points in metrics.roc_points(label, prediction)))
    if exported.task.is_classification:
        log_confusion_matrix(list(exported.task.classes), metrics.confusion(exported.task, label, prediction))
    describe({"kind": "test", "rows": len(label), "model": exported.digest})
    page.evaluation(exported, written, scores).write(Path(report))


def _check_unseen(rows: pa.Table, model: Model) -> None:
    if rows.num_rows == 0:
        raise ComparisonError("test rows", expected="at least one", got="none", fix="Give a test_fraction above 0.")
    seen = pc.sum(pc.is_in(rows["row_id"], pa.array(model.training_rows()))).as_py()
    if seen:
        raise ComparisonError(
            "test rows",
            expected="none that the model was trained on",
            got=f"{seen} of {rows.num_rows}",
            fix="Evaluate the model with the folds that it was trained with.",
        )
