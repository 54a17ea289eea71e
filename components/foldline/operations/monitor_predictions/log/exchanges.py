"""Lines of a request log as requests and answers: CloudEvents of KServe's types, in the protocols V1 and V2. Pure."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foldline.operations.monitor_predictions.periods import microseconds
from foldline.serving.server.events import REQUEST, RESPONSE
from foldline.serving.server.protocols import OUTPUT

UNREADABLE, OTHER_VERSION, OTHER_KIND = "unreadable", "of another version", "of another kind"


@dataclass(frozen=True)
class Asked:
    """A request.

    Attributes:
        at: microseconds since 1970.
        columns: values of JSON by column; as long as `rows` each. None stands for a column that a row leaves out.
    """

    identity: str
    at: int
    rows: int
    columns: dict[str, list[Any]]


@dataclass(frozen=True)
class Answered:
    """An answer with predictions.

    Attributes:
        at: microseconds since 1970.
        latency_ms: milliseconds; NaN where the log does not tell.
        predictions: shape (n_rows, n_outputs).
    """

    identity: str
    at: int
    latency_ms: float
    predictions: NDArray[np.float64]


def parse(line: bytes, version: str, outputs: int) -> Asked | Answered | str:
    """What a line says, or why it is passed over.

    Args:
        version: of the model that is watched.
        outputs: width of its predictions.
    """
    try:
        event = json.loads(line)
        kind, identity = event["type"], event["id"]
        if kind not in (REQUEST, RESPONSE):
            return OTHER_KIND
        if event.get("modelversion") != version:
            return OTHER_VERSION
        at = microseconds(datetime.fromisoformat(event["time"]))
        if kind == REQUEST:
            return Asked(str(identity), at, *_columns(event["data"]))
        return Answered(str(identity), at, _latency(event.get("latencyus")), _predictions(event["data"], outputs))
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError, OverflowError):
        return UNREADABLE


def _columns(data: Any) -> tuple[int, dict[str, list[Any]]]:
    if "instances" in data:
        rows = data["instances"]
        names = dict.fromkeys(name for row in rows for name in row)
        if not rows:
            raise ValueError("no rows")
        return len(rows), {name: [row.get(name) for row in rows] for name in names}
    columns = {str(tensor["name"]): _flat(tensor["data"]) for tensor in data["inputs"]}
    lengths = set(map(len, columns.values()))
    if len(lengths) != 1 or lengths == {0}:
        raise ValueError("columns of several lengths")
    return lengths.pop(), columns


def _flat(data: list[Any]) -> list[Any]:
    return [value[0] if isinstance(value, list) and len(value) == 1 else value for value in data]


def _predictions(data: Any, outputs: int) -> NDArray[np.float64]:
    if "predictions" in data:
        values = data["predictions"]
    else:
        (values,) = (tensor["data"] for tensor in data["outputs"] if tensor["name"] == OUTPUT)
    found = np.asarray(values, dtype=np.float64).reshape(-1, outputs)
    if not np.isfinite(found).all() or not len(found):
        raise ValueError("no numbers")
    return found


def _latency(microseconds_taken: Any) -> float:
    right = isinstance(microseconds_taken, int | float) and not isinstance(microseconds_taken, bool)
    return microseconds_taken / 1000.0 if right and microseconds_taken >= 0 else float("nan")
