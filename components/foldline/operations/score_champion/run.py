"""Files of `score_champion`: new rows and the store's model in; its reference and the scored rows out."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from foldline.artifacts import Dataset, Model
from foldline.artifacts.dataset import ROW_ID, row_id_array
from foldline.artifacts.scored import with_predictions
from foldline.artifacts.signature import tensors_from_table
from foldline.disk import room_for
from foldline.errors import ArtifactError, DataError
from foldline.evaluation import metrics
from foldline.operations.score_champion.columns import in_columns
from foldline.predictor import Predictor
from foldline.store import open_store


@room_for("the outputs")
def run(
    dataset_path: str,
    reference_path: str,
    scored_path: str,
    *,
    store_uri: str,
    model_name: str,
    model_version: str,
    log_metric: Callable[[str, float], None],
    describe_reference: Callable[[dict[str, Any]], None],
    describe_scored: Callable[[dict[str, Any]], None],
) -> None:
    """Score the dataset at `dataset_path` with a model of the store.

    Raises:
        ArtifactError: an input is torn, or the model was exported without a reference.
        StoreError: the store cannot be read, or has no such model.
    """
    model = Model.read(open_store(store_uri).fetch(model_name, model_version))
    if model.reference is None:
        raise ArtifactError(
            f"model {model_name} {model_version} in {store_uri}",
            expected="a sample of its table, which later rows are held against",
            got="none",
            fix="It was exported by an older train_model. Train it again.",
        )
    reference = filled_in(Dataset.read(model.reference), model, model_version, Path(reference_path))
    scored, changed = score(Dataset.read(Path(dataset_path)), reference, model, Path(scored_path))
    for kind, names in changed.items():
        print(f"columns {kind}: {', '.join(names)}")
    describe_reference(reference.summary())
    describe_scored(scored.summary())
    for name, value in _figures(scored, model).items():
        log_metric(name, value)


def filled_in(reference: Dataset, model: Model, version: str, path: Path) -> Dataset:
    """A copy, at the new folder `path`, of a model's reference that names the model."""
    table = reference.table()
    return Dataset.write(
        path,
        table.drop([ROW_ID]),
        source=reference.source,
        label=reference.label,
        time_window=reference.time_window,
        exclusions=reference.exclusions,
        key_columns=reference.key_columns,
        model={**reference.model, "version": version, "digest": model.digest},
        row_id=row_id_array(table),
    )


def score(dataset: Dataset, reference: Dataset, model: Model, path: Path) -> tuple[Dataset, dict[str, list[str]]]:
    """The rows of `dataset`, in the columns of `reference`, with the model's predictions, written to the new folder
    `path`; and the columns that had to be changed for that, as `in_columns` names them."""
    own = [column for column in reference.columns if column.name not in reference.model["predictions"]]
    rows = dataset.table()
    table, changed = in_columns(rows.drop([ROW_ID]), own)
    predicted = Predictor(model).predict(tensors_from_table(table, model.signature))
    written = Dataset.write(
        path,
        with_predictions(table, reference.model["predictions"], predicted),
        source={**dataset.source, "columns": changed},
        label=reference.label,
        time_window=dataset.time_window,
        exclusions=dataset.exclusions,
        key_columns=reference.key_columns,
        model=reference.model,
        row_id=row_id_array(rows),
    )
    return written, changed


def _figures(scored: Dataset, model: Model) -> dict[str, float]:
    """Numbers of rows, and the model's primary metric on those that have a label and a prediction."""
    table = scored.table([scored.label, *scored.model["predictions"]])
    names = scored.model["predictions"]
    usable = pc.and_(pc.is_valid(table[scored.label]), pc.is_valid(table[names[0]]))
    table = table.filter(usable)
    figures = {"rows": float(scored.rows), "labelled_rows": float(table.num_rows)}
    metric = metrics.primary_metric(model.task).name
    try:
        label = model.task.encode(table[scored.label])
        figures[metric] = metrics.score(model.task, label, _prediction(table, names))[metric]
    except DataError as fault:
        # Labels of one class, of a class that the model does not know, or none yet: there is no score to tell.
        print(f"no {metric}: {fault}")
    return figures


def _prediction(table: pa.Table, names: list[str]) -> NDArray[np.float32]:
    return np.column_stack([table[name].to_numpy() for name in names]).astype(np.float32)
