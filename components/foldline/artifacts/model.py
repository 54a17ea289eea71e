"""Model: a SavedModel that takes raw columns, and `model.json` that says what it is and where it comes from."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from foldline.artifacts.seal import open_sealed, seal
from foldline.artifacts.signature import RawColumn
from foldline.artifacts.task import Task
from foldline.artifacts.tensor_names import tensor_names

FORM = "foldline.model/1"
MANIFEST = "model.json"
VERSION_FOLDER = "1"
TRAINING_ROWS = "training_rows.parquet"
REFERENCE = "reference"


@dataclass(frozen=True)
class Model:
    """An exported model.

    Attributes:
        signature: the raw columns that `serving_default` takes, tensors of shape (n_rows,) by the names that
            `tensor_names` gives the columns. Its output `predictions` has shape (n_rows, task.outputs), float32:
            probabilities, or the value in the label's units.
        label: name of the label column.
        origin: digests of dataset, folds and transform.
        training: how it was trained: window, rows, epochs, batch size, hyperparameters, seed, model code digest.
        metrics: of the folds (`name`, `name_standard_error`).
        parity: the parity check: rows, largest absolute difference, tolerance.
        digest: of the whole artifact; the model's identity in the store.
    """

    path: Path
    task: Task
    label: str
    signature: tuple[RawColumn, ...]
    origin: dict[str, str]
    training: dict[str, Any]
    metrics: dict[str, float]
    parity: dict[str, float]
    digest: str = ""

    @classmethod
    def seal(
        cls,
        path: Path,
        *,
        task: Task,
        label: str,
        signature: tuple[RawColumn, ...],
        origin: dict[str, str],
        training: dict[str, Any],
        metrics: dict[str, float],
        parity: dict[str, float],
        training_rows: NDArray[np.int64],
    ) -> Self:
        """Complete the artifact at `path`, whose SavedModel is already written to `<path>/1`.

        Args:
            training_rows: the `row_id` of each row that the model was trained on; shape (n_rows,).
        """
        rows = pa.table({"row_id": pa.array(np.sort(training_rows))})
        pq.write_table(rows, path / TRAINING_ROWS, compression="zstd")
        content = {
            "task": task.to_json(),
            "label": label,
            "signature": [asdict(column) for column in signature],
            "tensor_names": tensor_names([column.name for column in signature]),
            "origin": origin,
            "training": training,
            "metrics": metrics,
            "parity": parity,
        }
        seal(path, MANIFEST, FORM, content)
        return cls.read(path)

    @classmethod
    def read(cls, path: Path) -> Self:
        """The model at `path`.

        Raises:
            ArtifactError: it is torn, edited, or no model.
        """
        manifest = open_sealed(path, MANIFEST, FORM)
        return cls(
            path=path,
            task=Task.from_json(manifest["task"]),
            label=manifest["label"],
            signature=tuple(RawColumn(**column) for column in manifest["signature"]),
            origin=manifest["origin"],
            training=manifest["training"],
            metrics=manifest["metrics"],
            parity=manifest["parity"],
            digest=manifest["seal"],
        )

    @property
    def saved_model(self) -> Path:
        """Folder of the SavedModel; its parent is what TF Serving and KServe take."""
        return self.path / VERSION_FOLDER

    @property
    def reference(self) -> Path | None:
        """Folder of the scored dataset that later data are held against; None where the model was exported without."""
        folder = self.path / REFERENCE
        return folder if folder.is_dir() else None

    def training_rows(self) -> NDArray[np.int64]:
        """The `row_id` of each row that the model was trained on, in increasing order."""
        return np.asarray(pq.read_table(self.path / TRAINING_ROWS)["row_id"].to_numpy(), dtype=np.int64)
