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

FORM = "foldline.folds/2"
MANIFEST = "folds.json"
FORWARD = "forward_chaining"


@dataclass(frozen=True)
class Assignment:
    """Folds of the rows of one table, in its order.

    Attributes:
        test: shape (n_rows,), bool: held out, scored once.
        fold: shape (n_repeats, n_rows), int: number of the fold, which counts on over the repeats: repeat r has the
            folds r * n_folds and up; -1 for test rows.
        forward: whether a fold is trained on the folds before it only.
        n_folds: number of folds that are predicted in each repeat.
    """

    test: NDArray[np.bool_]
    fold: NDArray[np.int64]
    forward: bool
    n_folds: int

    @property
    def n_repeats(self) -> int:
        return len(self.fold)

    @property
    def predicted_folds(self) -> tuple[int, ...]:
        """Numbers of the folds that get out-of-fold predictions; in forward chaining fold 0 is only trained on."""
        if self.forward:
            return tuple(range(1, self.n_folds + 1))
        return tuple(range(self.n_repeats * self.n_folds))

    def repeat_of(self, fold: int) -> int:
        """The repeat that the fold belongs to; forward chaining has one."""
        return 0 if self.forward else fold // self.n_folds

    def training_folds(self, fold: int) -> tuple[int, ...]:
        """The folds that the model of `fold` is trained on, of its own repeat and in increasing order."""
        if self.forward:
            return tuple(range(fold))
        first = self.repeat_of(fold) * self.n_folds
        return tuple(other for other in range(first, first + self.n_folds) if other != fold)

    def training_rows(self, fold: int) -> NDArray[np.bool_]:
        """Shape (n_rows,): the rows that the model and transform of `fold` may see."""
        return np.isin(self.fold[self.repeat_of(fold)], self.training_folds(fold))

    def validation_rows(self, fold: int) -> NDArray[np.bool_]:
        """Shape (n_rows,): the rows of `fold`, which its model predicts."""
        rows: NDArray[np.bool_] = self.fold[self.repeat_of(fold)] == fold
        return rows

    def of(self, rows: NDArray[np.bool_]) -> "Assignment":
        """The same folds of these rows only, shape (n_rows,), in their order."""
        return Assignment(self.test[rows], self.fold[:, rows], self.forward, self.n_folds)


@dataclass(frozen=True)
class Folds:
    """The folds of one dataset.

    Attributes:
        dataset_digest: digest of the dataset that they belong to.
        strategy: `stratified`, `plain`, `grouped` or `forward_chaining`.
        hold_out: how test rows were chosen (`method`, `fraction` and what else it depends on).
        row_id, test: shape (n_rows,) each.
        fold: shape (n_repeats, n_rows); see `Assignment`.
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
        """Write the folds at the new folder `path`: all rows of a repeat after each other, in the order of `row_id`."""
        path.mkdir(parents=True)
        order, repeats = np.argsort(row_id), len(fold)
        split = pa.array(np.tile(np.where(test[order], "test", "train"), repeats), pa.string())
        columns = {
            "row_id": pa.array(np.tile(row_id[order], repeats)),
            "split": split,
            "repeat": pa.array(np.repeat(np.arange(repeats, dtype=np.int16), len(order))),
            "fold": pa.array(fold[:, order].ravel().astype(np.int16)),
        }
        pq.write_table(pa.table(columns), path / "folds.parquet", compression="zstd")
        content = {
            "dataset_digest": dataset_digest,
            "label": label,
            "task": task.to_json(),
            "strategy": strategy,
            "n_folds": n_folds,
            "n_repeats": repeats,
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
        fold = table["fold"].to_numpy().astype(np.int64).reshape(manifest["n_repeats"], -1)
        rows = fold.shape[1]
        return cls(
            path=path,
            dataset_digest=manifest["dataset_digest"],
            label=manifest["label"],
            task=Task.from_json(manifest["task"]),
            strategy=manifest["strategy"],
            n_folds=manifest["n_folds"],
            seed=manifest["seed"],
            hold_out=manifest["hold_out"],
            row_id=table["row_id"][:rows].to_numpy(),
            test=pc.equal(table["split"][:rows], "test").to_numpy(),
            fold=fold,
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
        fold = np.empty_like(self.fold)
        test[order], fold[:, order] = self.test, self.fold
        return Assignment(test=test, fold=fold, forward=self.strategy == FORWARD, n_folds=self.n_folds)

    def summary(self) -> dict[str, str | int]:
        """Figures for the artifact's metadata."""
        return {
            "task": self.task.kind,
            "strategy": self.strategy,
            "folds": self.n_folds,
            "repeats": len(self.fold),
            "training_rows": int((~self.test).sum()),
            "test_rows": int(self.test.sum()),
        }
