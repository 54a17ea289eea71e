"""Graphs of transforms, fitted on all rows of small tables."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from foldline.artifacts import Column, Layout, RawColumn
from foldline.artifacts.dataset import DTYPES
from foldline.artifacts.signature import tensors_from_table
from foldline.features.apply import AppliedTransform
from foldline.features.derived import combined_columns
from foldline.features.labels import Labels, columns_with_labels
from foldline.features.outputs import layout
from foldline.features.reading import read_document
from foldline.features.specification import complete
from foldline.features.statistics import collect, merge, merge_without_each

# A dtype and values for each column.
Table = dict[str, tuple[str, Any]]


def arrow(table: Table) -> pa.Table:
    columns = {name: pa.array(values, DTYPES[dtype], from_pandas=True) for name, (dtype, values) in table.items()}
    return pa.table(columns)


def write(
    folder: Path,
    table: pa.Table,
    columns: list[Column],
    stated: dict[str, Any],
    label: NDArray[np.float64] | None = None,
    derived: dict[str, Any] | None = None,
) -> Layout:
    """Write the graph fitted on all rows of `table`, of which every third is in the same fold; gives its layout.

    Args:
        label: shape (n_rows, outputs).
    """
    from foldline.features.saved_graph import write_graph

    said = read_document({"version": 1, "columns": stated, "derived": derived or {}}, columns, "label")
    dtypes = {column.name: column.dtype for column in columns}
    labels = None if label is None else Labels(columns_with_labels(said), label)
    parts = collect(table, columns, fold_of(table), labels, combined_columns(said, table, dtypes))
    found = merge(list(parts.values()))
    specification = complete(columns, said, found, label="label", excluded=())
    raw = [RawColumn(column.name, column.dtype) for column in columns]
    without = merge_without_each(parts, labels.columns if labels else ())
    write_graph(folder, raw, specification, found, folder / "scratch", without)
    return layout(specification)


def fold_of(table: pa.Table) -> NDArray[np.int64]:
    """The fold of each row; shape (n_rows,)."""
    return np.arange(table.num_rows) % 3


def by_name(outputs: dict[str, NDArray[Any]], of: Layout) -> dict[str, NDArray[Any]]:
    """A graph's outputs, a column each by its name."""
    found = {name: outputs["numeric"][:, at] for at, name in enumerate(of.numeric)}
    return found | {feature.name: outputs["categorical"][:, at] for at, feature in enumerate(of.categorical)}


class Fit:
    """The graph of a table's columns, fitted on all its rows."""

    def __init__(
        self,
        folder: Path,
        table: Table,
        stated: dict[str, Any],
        label: NDArray[np.float64] | None = None,
        derived: dict[str, Any] | None = None,
    ) -> None:
        columns = [Column(name, dtype) for name, (dtype, _) in table.items()]
        self.layout = write(folder, arrow(table), columns, stated, label, derived)
        self.graph = AppliedTransform.load(folder)
        self.features = self.of(table)

    def of(self, table: Table, fold: NDArray[np.int64] | None = None) -> dict[str, NDArray[Any]]:
        """The features of the rows of a table with the same columns; for training where their folds are given."""
        raw = [RawColumn(name, dtype) for name, (dtype, _) in table.items()]
        return by_name(self.graph.apply(tensors_from_table(arrow(table), raw), fold), self.layout)
