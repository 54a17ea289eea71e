"""Which rows belong together, by the column that their folds were grouped by."""

import numpy as np
from numpy.typing import NDArray

from foldline.artifacts import Dataset, Folds
from foldline.artifacts.dataset import row_id_array
from foldline.artifacts.identity import column_hash


def row_groups(dataset: Dataset, folds: Folds, row_id: NDArray[np.int64]) -> NDArray[np.int64] | None:
    """A number for the group of each of these rows, shape (n_rows,); None where the folds are not grouped."""
    if folds.strategy != "grouped":
        return None
    column = folds.hold_out["of"]
    table = dataset.table([column])
    identity = row_id_array(table)
    order = np.argsort(identity)
    place = order[np.searchsorted(identity, row_id, sorter=order)]
    return column_hash(table[column])[place].view(np.int64)
