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
from foldline.features.outputs import layout
from foldline.features.specification import complete, read_document
from foldline.features.statistics import collect, merge

# A dtype and values for each column.
Table = dict[str, tuple[str, Any]]


def arrow(table: Table) -> pa.Table:
    columns = {name: pa.array(values, DTYPES[dtype], from_pandas=True) for name, (dtype, values) in table.items()}
    return pa.table(columns)


def write(folder: Path, table: pa.Table, columns: list[Column], stated: dict[str, Any]) -> Layout:
    """Write the graph fitted on all rows of `table`; gives its layout."""
    from foldline.features.graph import write_graph

    found = merge(list(collect(table, columns, np.arange(table.num_rows) % 3).values()))
    said = read_document({"version": 1, "columns": stated}, columns, "label")
    specification = complete(columns, said, found, label="label", excluded=())
    raw = [RawColumn(column.name, column.dtype) for column in columns]
    write_graph(folder, raw, specification, found, folder / "scratch")
    return layout(specification)


def by_name(outputs: dict[str, NDArray[Any]], of: Layout) -> dict[str, NDArray[Any]]:
    """A graph's outputs, a column each by its name."""
    found = {name: outputs["numeric"][:, at] for at, name in enumerate(of.numeric)}
    return found | {feature.name: outputs["categorical"][:, at] for at, feature in enumerate(of.categorical)}


class Fit:
    """The graph of a table's columns, fitted on all its rows."""

    def __init__(self, folder: Path, table: Table, stated: dict[str, Any]) -> None:
        columns = [Column(name, dtype) for name, (dtype, _) in table.items()]
        self.layout = write(folder, arrow(table), columns, stated)
        self.graph = AppliedTransform.load(folder)
        self.features = self.of(table)

    def of(self, table: Table) -> dict[str, NDArray[Any]]:
        """The features of the rows of a table with the same columns."""
        raw = [RawColumn(name, dtype) for name, (dtype, _) in table.items()]
        return by_name(self.graph.apply(tensors_from_table(arrow(table), raw)), self.layout)
