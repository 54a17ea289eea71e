"""Predictions: rows with their label and what a model that was not trained on them says."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from foldline.artifacts.seal import open_sealed, seal
from foldline.artifacts.task import Task

FORM = "foldline.predictions/1"
MANIFEST = "predictions.json"


@dataclass(frozen=True)
class Predictions:
    """Predictions of one task.

    Attributes:
        row_id: shape (n_rows,), int64.
        repeat: shape (n_rows,), int64: the repeat that the fold belongs to; 0 for test rows. A row has a prediction in
            each repeat.
        fold: shape (n_rows,), int64: the fold that predicted the row; -1 for test rows.
        label: shape (n_rows,), float32: index of the class, or the value.
        prediction: shape (n_rows, task.outputs), float32: probabilities, or the value.
        origin: what made them: `kind` (`out_of_fold` or `test`) and the digests of its inputs.
    """

    path: Path
    task: Task
    row_id: NDArray[np.int64]
    repeat: NDArray[np.int64]
    fold: NDArray[np.int64]
    label: NDArray[np.float32]
    prediction: NDArray[np.float32]
    origin: dict[str, Any]
    digest: str = ""

    @classmethod
    def write(
        cls,
        path: Path,
        *,
        task: Task,
        row_id: NDArray[np.int64],
        fold: NDArray[np.int64],
        label: NDArray[np.float32],
        prediction: NDArray[np.float32],
        origin: dict[str, Any],
        repeat: NDArray[np.int64] | None = None,
    ) -> Self:
        """Write predictions at the new folder `path`; of one repeat where `repeat` is None."""
        path.mkdir(parents=True)
        repeats = np.zeros(len(row_id)) if repeat is None else repeat
        columns = {
            "row_id": pa.array(row_id),
            "repeat": pa.array(repeats.astype(np.int16)),
            "fold": pa.array(fold.astype(np.int16)),
            "label": pa.array(label.astype(np.float32)),
        }
        columns |= {name: pa.array(prediction[:, index]) for index, name in enumerate(task.prediction_columns)}
        pq.write_table(pa.table(columns), path / "predictions.parquet", compression="zstd")
        seal(path, MANIFEST, FORM, {"rows": len(row_id), "task": task.to_json(), "origin": origin})
        return cls.read(path)

    @classmethod
    def read(cls, path: Path) -> Self:
        """The predictions at `path`.

        Raises:
            ArtifactError: they are torn, edited, or no predictions.
        """
        manifest = open_sealed(path, MANIFEST, FORM)
        task = Task.from_json(manifest["task"])
        table = pq.read_table(path / "predictions.parquet")
        return cls(
            path=path,
            task=task,
            row_id=table["row_id"].to_numpy(),
            repeat=table["repeat"].to_numpy().astype(np.int64),
            fold=table["fold"].to_numpy().astype(np.int64),
            label=table["label"].to_numpy(),
            prediction=np.column_stack([table[name].to_numpy() for name in task.prediction_columns]),
            origin=manifest["origin"],
            digest=manifest["seal"],
        )

    def of_repeat(self, repeat: int) -> Self:
        """The predictions of one repeat: each row once."""
        own = self.repeat == repeat
        arrays = {name: getattr(self, name)[own] for name in ("row_id", "repeat", "fold", "label", "prediction")}
        return replace(self, **arrays)
