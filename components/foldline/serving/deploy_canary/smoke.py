"""What a challenger's server is asked, and whether its answers are right: no network, no files."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from foldline.artifacts import RawColumn
from foldline.serving.answer import Answer

# Of a probability; of the larger of 1 and the value itself in regression. The recorded prediction comes from another
# batch size, so the last digits may differ.
TOLERANCE = 1e-4
UNKNOWN_COLUMN = "no such column"


def golden_rows(row_id: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """`count` of the rows, or all where there are fewer: evenly spaced in the order of their identity."""
    ordered = np.sort(row_id)
    chosen: NDArray[np.int64] = ordered[
        np.unique(np.linspace(0, len(ordered) - 1, min(count, len(ordered))).astype(int))
    ]
    return chosen


def records(table: pa.Table, columns: Sequence[RawColumn]) -> list[dict[str, Any]]:
    """The raw rows of a table as a client sends them: JSON values by column, null where missing."""
    listed = table.select([column.name for column in columns]).to_pylist()
    return [{name: _json(value) for name, value in row.items()} for row in listed]


def golden_problem(answer: Answer, expected: NDArray[np.float32], version: str) -> str:
    """Why an answer to one golden row is wrong; empty where it is right.

    Args:
        expected: shape (n_outputs,): the recorded prediction.
    """
    if answer.status != 200:
        return f"status {answer.status}: {str(answer.content)[:200]}"
    if answer.version != version:
        return f"answered by version {answer.version or 'unknown'}, not {version}"
    try:
        found = np.asarray(answer.content["predictions"], dtype=np.float64)
    except (KeyError, TypeError, ValueError):
        return f"no predictions in {str(answer.content)[:200]}"
    wanted = (1,) if len(expected) == 1 else (1, len(expected))
    if found.shape != wanted:
        return f"predictions of shape {found.shape}, not {wanted}"
    if not np.isfinite(found).all():
        return "a prediction that is not finite"
    off = difference(answer, expected)
    return f"differs from the recorded prediction by {off:.3g}" if off > TOLERANCE else ""


def difference(answer: Answer, expected: NDArray[np.float32]) -> float:
    """Largest difference between a right-shaped answer and the recorded prediction, relative above 1."""
    found = np.asarray(answer.content["predictions"], dtype=np.float64).ravel()
    return float(np.max(np.abs(found - expected) / np.maximum(1.0, np.abs(expected))))


def empty_row_problem(answer: Answer, outputs: int) -> str:
    """Why the answer to a row without any value is wrong; empty where it is right."""
    if answer.status != 200:
        return f"status {answer.status}: {str(answer.content)[:200]}"
    try:
        found = np.asarray(answer.content["predictions"], dtype=np.float64)
    except (KeyError, TypeError, ValueError):
        return f"no predictions in {str(answer.content)[:200]}"
    return "" if found.size == outputs and np.isfinite(found).all() else f"predictions {found.tolist()}"


def malformed_problem(answer: Answer) -> str:
    """Why the answer to a request with an unknown column is wrong; empty where it is a 4xx."""
    return "" if 400 <= answer.status < 500 else f"status {answer.status}, not 4xx"


def latency_ms(answers: Sequence[Answer]) -> dict[str, float]:
    """Median and 99th percentile of the requests' durations."""
    middle, tail = np.percentile([answer.seconds * 1000.0 for answer in answers], [50, 99])
    return {"latency_p50_ms": round(float(middle), 3), "latency_p99_ms": round(float(tail), 3)}


def _json(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, float) and np.isnan(value):
        return None
    return value
