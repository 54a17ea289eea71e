"""Datasets, folds and transforms of small tables."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from builders.feature_graphs import by_name
from foldline.artifacts import Dataset, Folds, Task, Transform
from foldline.artifacts.dataset import row_id_array
from foldline.artifacts.signature import tensors_from_table
from foldline.features.apply import AppliedTransform
from foldline.features.transform_features.run import run


@dataclass
class Workshop:
    """Makes artifacts in a folder; `described` is what the last transform told of itself."""

    folder: Path
    described: dict[str, Any] = field(default_factory=dict)

    def dataset(self, columns: dict[str, Any], name: str = "dataset", label: NDArray[Any] | None = None) -> Dataset:
        """A dataset with a label (0 and 1 in turn where none is given) and a number for each row as its key."""
        table = pa.table(columns)
        table = table.append_column("label", pa.array(np.arange(table.num_rows) % 2 if label is None else label))
        table = table.append_column("row", pa.array(np.arange(table.num_rows)))
        return Dataset.write(self.folder / name, table, source={}, label="label", key_columns=("row",))

    def folds(self, dataset: Dataset, fold: NDArray[np.int64], forward: bool = False, name: str = "folds") -> Folds:
        """Folds of the rows in the dataset's order; -1 is a test row. A row of `fold` for each repeat."""
        return Folds.write(
            self.folder / name,
            dataset_digest=dataset.digest,
            label="label",
            task=Task("binary", ("0", "1")),
            strategy="forward_chaining" if forward else "plain",
            n_folds=(int(fold.max()) + (0 if forward else 1)) // len(np.atleast_2d(fold)),
            seed=0,
            hold_out={},
            row_id=row_id_array(dataset.table([])),
            test=np.atleast_2d(fold)[0] < 0,
            fold=np.atleast_2d(fold),
        )

    def transform(
        self,
        dataset: Dataset,
        folds: Folds,
        specification: Any = None,
        exclude_columns: tuple[str, ...] = ("row",),
        name: str = "transform",
    ) -> Transform:
        run(
            str(dataset.path),
            str(folds.path),
            str(self.folder / name),
            str(self.folder / "report.html"),
            specification={} if specification is None else specification,
            exclude_columns=list(exclude_columns),
            describe=self.described.update,
        )
        return Transform.read(self.folder / name)

    def apply(
        self, transform: Transform, folder: Path, dataset: Dataset, fold: NDArray[np.int64] | None = None
    ) -> dict[str, NDArray[Any]]:
        """The features of all rows, a column each by its name; for training where their folds are given."""
        raw = tensors_from_table(dataset.table(), transform.signature)
        return by_name(AppliedTransform.load(folder).apply(raw, fold), transform.layout)


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)


@pytest.fixture
def make_workshop(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Workshop]:
    """A new workshop at each call, for examples of a property."""
    return lambda: Workshop(tmp_path_factory.mktemp("workshop"))
