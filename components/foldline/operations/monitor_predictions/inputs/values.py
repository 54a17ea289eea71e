"""Values of JSON as the types that the reference's columns have."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from foldline.artifacts.dataset import DTYPES
from foldline.operations.monitor_predictions.periods import microseconds

# Types of JSON values that need no look at each.
_PLAIN: dict[str, set[type]] = {"string": {str}, "bool": {bool}, "float64": {float, int}, "int64": {int}}
_NOTHING = type(None)


def typed(values: Sequence[Any], dtype: str) -> tuple[pa.Array, NDArray[np.bool_]]:
    """The values as an array of the type, null where one is missing or of a wrong type, and which are; shape (n,)."""
    kind = DTYPES[dtype]
    if set(map(type, values)) - {_NOTHING} <= _PLAIN.get(dtype, set()):
        try:
            return pa.array(values, kind), np.zeros(len(values), dtype=bool)
        except (pa.ArrowInvalid, OverflowError):
            # A whole number of more bits than the type has.
            pass
    fitted = [_fitted(value, dtype) for value in values]
    wrong = [value is not None and found is None for value, found in zip(values, fitted, strict=True)]
    return pa.array(fitted, kind), np.array(wrong, dtype=bool)


def _fitted(value: Any, dtype: str) -> Any:
    """The value, or None where it is of another type."""
    if dtype == "string":
        return value if isinstance(value, str) else None
    if dtype == "bool":
        return value if isinstance(value, bool) else None
    if dtype == "timestamp":
        try:
            return microseconds(datetime.fromisoformat(value))
        except (TypeError, ValueError):
            return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if dtype == "float64":
        return float(value) if abs(value) < 1e308 else None
    whole = isinstance(value, int) or value.is_integer()
    return int(value) if whole and -(2**63) <= value < 2**63 else None
