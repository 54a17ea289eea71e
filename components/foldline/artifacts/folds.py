"""Folds: which rows are held out, and which fold each other row belongs to."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from foldline.artifacts.seal import open_sealed, seal
from foldline.artifacts.task import Task
from foldline.errors import ArtifactError

FORM = "foldline.folds/1"
MANIFEST = "folds.json"
FORWARD = "forward_chaining"


@dataclass(frozen=True)
class Assignment:
    """Folds of the rows of one table, in its order.

    Attributes:
        test: shape (n_rows,), bool: held out, scored once.
        fold: shape (n_rows,), int: number of the fold; -1 for test rows.
        forward: whether a fold is trained on the folds before it only.
        n_folds: number of folds that are predicted.
    """

    test: NDArray[np.bool_]
    fold: NDArray[np.int64]
    forward: bool
    n_folds: int

    @property
    def predicted_folds(self) -> tuple[int, ...]:
        """Numbers of the folds that get out-of-fold predictions; in forward chaining fold 0 is only trained on."""
        return tuple(range(1, self.n_folds + 1)) if self.forward else tuple(range(self.n_folds))

    def training_folds(self, fold: int) -> tuple[int, ...]:
        """The folds that the model of `fold` is trained on, in increasing order."""
        if self.forward:
            return tuple(range(fold))
        return tuple(other for other in range(self.n_folds) if other != fold)

    def training_rows(self, fold: int) -> NDArray[np.bool_]:
        """Shape (n_rows,): the rows that the model and transform of `fold` may see."""
        return np.isin(self.fold, self.training_folds(fold))


@dataclass(frozen=True)
class Folds:
    """The folds of one dataset.

    Attributes:
        dataset_digest: digest of the dataset that they belong to.
        strategy: `stratified`, `plain`, `grouped` or `forward_chaining`.
        hold_out: how test rows were chosen (`method`, `fraction` and what else it depends on).
        row_id, test, fold: shape (n_rows,) each; see `Assignment`.
    """

    path: Path
    dataset_digest: str
    label: str
    task: Task
    strategy: str
    n_folds: int
    seed: int
    hold_out: dict[str, Any]
    row_id: NDArray[np.int64]
    test: NDArray[np.bool_]
    fold: NDArray[np.int64]
    digest: str = ""

    @classmethod
    def write(
        cls,
        path: Path,
        *,
        dataset_digest: str,
        label: str,
        task: Task,
        strategy: str,
        n_folds: int,
        seed: int,
        hold_out: dict[str, Any],
        row_id: NDArray[np.int64],
        test: NDArray[np.bool_],
        fold: NDArray[np.int64],
    ) -> Self:
        """Write the folds at the new folder `path`; rows are stored in the order of their `row_id`."""
        path.mkdir(parents=True)
        order = np.argsort(row_id)
        split = pa.array(np.where(test[order], "test", "train"), pa.string())
        columns = {
            "row_id": pa.array(row_id[order]),
            "split": split,
            "repeat": pa.array(np.zeros(len(order), dtype=np.int16)),
            "fold": pa.array(fold[order].astype(np.int16)),
        }
        pq.write_table(pa.table(columns), path / "folds.parquet", compression="zstd")
        content = {
            "dataset_digest": dataset_digest,
            "label": label,
            "task": task.to_json(),
            "strategy": strategy,
            "n_folds": n_folds,
            "seed": seed,
            "hold_out": hold_out,
        }
        seal(path, MANIFEST, FORM, content)
        return cls.read(path)

    @classmethod
    def read(cls, path: Path) -> Self:
        """The folds at `path`.

        Raises:
            ArtifactError: they are torn, edited, or no folds.
        """
        manifest = open_sealed(path, MANIFEST, FORM)
        table = pq.read_table(path / "folds.parquet")
        return cls(
            path=path,
            dataset_digest=manifest["dataset_digest"],
            label=manifest["label"],
            task=Task.from_json(manifest["task"]),
            strategy=manifest["strategy"],
            n_folds=manifest["n_folds"],
            seed=manifest["seed"],
            hold_out=manifest["hold_out"],
            row_id=table["row_id"].to_numpy(),
            test=pc.equal(table["split"], "test").to_numpy(),
            fold=table["fold"].to_numpy().astype(np.int64),
            digest=manifest["seal"],
        )

    def align(self, row_id: NDArray[np.int64], dataset_digest: str) -> Assignment:
        """The folds of the rows with these identities, in their order.

        Raises:
            ArtifactError: the folds belong to another dataset, or do not name just these rows.
        """
        if dataset_digest != self.dataset_digest:
            raise ArtifactError(
                f"field dataset_digest of {self.path / MANIFEST}",
                expected=dataset_digest,
                got=self.dataset_digest,
                fix="Assign folds to this dataset.",
            )
        order = np.argsort(row_id)
        if not np.array_equal(row_id[order], self.row_id):
            raise ArtifactError(
                f"rows of {self.path}", expected=f"the dataset's {len(row_id)} rows", got=f"{len(self.row_id)} others"
            )
        test = np.empty(len(order), dtype=bool)
        fold = np.empty(len(order), dtype=np.int64)
        test[order], fold[order] = self.test, self.fold
        return Assignment(test=test, fold=fold, forward=self.strategy == FORWARD, n_folds=self.n_folds)

    def summary(self) -> dict[str, str | int]:
        """Figures for the artifact's metadata."""
        return {
            "task": self.task.kind,
            "strategy": self.strategy,
            "folds": self.n_folds,
            "training_rows": int((~self.test).sum()),
            "test_rows": int(self.test.sum()),
        }
