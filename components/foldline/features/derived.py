"""Numbers that are made of several raw columns, before anything is fitted; the graph makes the same."""

from collections.abc import Callable, Mapping
from functools import reduce
from operator import add, sub, truediv
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from foldline.artifacts.signature import MISSING_INTEGER, RawColumn, tensors_from_table
from foldline.features.derived_kinds import Difference, Ratio, Sum
from foldline.features.kinds import Statement

# How operands become a number, of NumPy arrays and of tensors alike.
OPERATIONS: dict[str, Callable[[Any, Any], Any]] = {Difference.kind: sub, Ratio.kind: truediv, Sum.kind: add}
# Features travel in 32 bits; a larger result is a missing one, as is that of a division by 0.
LARGEST = float(np.finfo(np.float32).max)


def combined_columns(
    stated: Mapping[str, Statement], table: pa.Table, dtypes: Mapping[str, str]
) -> dict[str, NDArray[np.float64]]:
    """The differences, ratios and sums that are stated; shape (n_rows,) each, NaN for a missing one.

    Args:
        dtypes: of the table's columns.
    """
    found = {}
    for name, statement in stated.items():
        if statement["kind"] in OPERATIONS:
            raw = [RawColumn(column, dtypes[column]) for column in statement["of"]]
            tensors = tensors_from_table(table, raw)
            with np.errstate(all="ignore"):
                operands = [_operand(tensors[column]) for column in statement["of"]]
                values = reduce(OPERATIONS[statement["kind"]], operands)
            found[name] = np.where(np.abs(values) <= LARGEST, values, np.nan)
    return found


def operands_of(stated: Mapping[str, Statement]) -> list[str]:
    """The raw columns that derived ones are made of, each once."""
    return list(dict.fromkeys(column for statement in stated.values() for column in statement.get("of", ())))


def _operand(tensor: NDArray[Any]) -> NDArray[np.float64]:
    values = tensor.astype(np.float64)
    return np.where(tensor == MISSING_INTEGER, np.nan, values) if tensor.dtype == np.int64 else values
