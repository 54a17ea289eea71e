"""The reference of a model: a sample of its table with out-of-fold predictions, which later data are held against."""

from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from foldline.artifacts import Dataset, Predictions
from foldline.artifacts.dataset import ROW_ID, row_id_array
from foldline.artifacts.identity import unit_interval
from foldline.artifacts.scored import prediction_names, with_predictions

MOST_ROWS = 200_000
_SALT = "foldline reference"


def write_reference(path: Path, dataset: Dataset, predictions: Predictions, label: str) -> Dataset:
    """Write at most `MOST_ROWS` rows of `dataset` with all columns and their out-of-fold predictions, of the first
    repeat; null in rows without one, as those held out are.

    The version of the model is a digest of what it is made of, this dataset too: whoever copies the reference out of a
    model fills it in.
    """
    table = dataset.table()
    row_id = row_id_array(table)
    kept = sampled(row_id, MOST_ROWS)
    table, row_id = table.filter(pa.array(kept)).drop([ROW_ID]), row_id[kept]
    names = prediction_names(predictions.task, table.column_names)
    return Dataset.write(
        path,
        with_predictions(table, names, _of_rows(predictions.of_repeat(0), row_id)),
        source=dataset.source,
        label=label,
        time_window=dataset.time_window,
        exclusions=dataset.exclusions,
        key_columns=dataset.key_columns,
        model={
            "version": "",
            "digest": "",
            "label": label,
            "task": predictions.task.to_json(),
            "predictions": names,
        },
        row_id=row_id,
    )


def sampled(row_id: NDArray[np.int64], most: int) -> NDArray[np.bool_]:
    """Which rows are in a sample of at most `most`, by a threshold on a hash of their identity; shape (n_rows,).

    Versions of a table that share rows sample the same ones, but for those near the threshold.
    """
    if len(row_id) <= most:
        return np.ones(len(row_id), dtype=bool)
    place = unit_interval(row_id, _SALT)
    kept: NDArray[np.bool_] = place < np.partition(place, most)[most]
    return kept


def _of_rows(predictions: Predictions, row_id: NDArray[np.int64]) -> NDArray[np.float32]:
    """The predictions of the rows, NaN where there is none; shape (n_rows, task.outputs)."""
    order = np.argsort(predictions.row_id)
    ordered = predictions.row_id[order]
    place = np.minimum(np.searchsorted(ordered, row_id), len(ordered) - 1)
    return np.where((ordered[place] == row_id)[:, None], predictions.prediction[order[place]], np.float32(np.nan))
