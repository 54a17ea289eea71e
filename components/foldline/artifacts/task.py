"""The learning task of a label: binary, multiclass or regression, and how its values are encoded."""

from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from foldline.errors import ArgumentError, DataError

KINDS = ("binary", "multiclass", "regression")
# A whole-number label with at most this many different values counts as classes.
MOST_NUMERIC_CLASSES = 20


@dataclass(frozen=True)
class Task:
    """What is predicted.

    Attributes:
        kind: one of `KINDS`.
        classes: the label's values as text in their own order; the last one is the positive class of a binary task;
            empty for regression.
    """

    kind: str
    classes: tuple[str, ...] = ()

    @property
    def is_classification(self) -> bool:
        return self.kind != "regression"

    @property
    def outputs(self) -> int:
        """Width of a prediction: number of classes for multiclass, else 1."""
        return len(self.classes) if self.kind == "multiclass" else 1

    @property
    def prediction_columns(self) -> tuple[str, ...]:
        """Names of the columns of a prediction: `prediction` (probability of the positive class, or value), or
        `prediction_0`, `prediction_1`, … (probability of each class)."""
        if self.kind == "multiclass":
            return tuple(f"prediction_{index}" for index in range(self.outputs))
        return ("prediction",)

    def encode(self, label: pa.ChunkedArray) -> NDArray[np.float32]:
        """The label as numbers; shape (n_rows,): index of the class, or the value.

        Raises:
            DataError: a value is missing or is no class of this task.
        """
        if label.null_count:
            raise DataError("label", expected="a value in each row", got=f"{label.null_count} rows without one")
        if not self.is_classification:
            return np.asarray(label.cast(pa.float64()).to_numpy(), dtype=np.float32)
        indices = pc.index_in(class_text(label), pa.array(self.classes, pa.string()))
        if indices.null_count:
            stranger = class_text(label).filter(pc.is_null(indices))[0].as_py()
            raise DataError("label", expected=f"one of the classes {list(self.classes)}", got=repr(stranger))
        return np.asarray(indices.to_numpy(), dtype=np.float32)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Self:
        return cls(kind=content["kind"], classes=tuple(content["classes"]))


def class_text(label: pa.ChunkedArray) -> pa.ChunkedArray:
    """The label's values as the names of classes: whole floats without a point, booleans in lower case."""
    if pa.types.is_floating(label.type):
        return label.cast(pa.int64()).cast(pa.string())
    return label.cast(pa.string())


def infer_task(label: pa.ChunkedArray, name: str, kind: str = "auto") -> Task:
    """The task of a label without missing values.

    Text and booleans are classes. Numbers are classes when all are whole and at most 20 differ, else a regression
    target. `kind` other than `auto` overrides the choice.

    Raises:
        ArgumentError: `kind` is unknown, or does not fit the values.
        DataError: the label has only one value, or is infinite.
    """
    if kind not in ("auto", *KINDS):
        raise ArgumentError("task", expected=f"auto or one of {', '.join(KINDS)}", got=repr(kind))
    numeric = pa.types.is_integer(label.type) or pa.types.is_floating(label.type)
    if pa.types.is_timestamp(label.type):
        raise DataError(f"label column {name!r}", expected="numbers, text or booleans", got="times")
    if pa.types.is_floating(label.type) and not pc.all(pc.is_finite(label)).as_py():
        raise DataError(f"label column {name!r}", expected="finite numbers", got="infinite or NaN values")
    values = pc.unique(label)
    if len(values) < 2:
        raise DataError(
            f"label column {name!r}",
            expected="at least two different values",
            got=f"only {values.to_pylist()}",
            fix="Check the label, the time window and the filter.",
        )
    whole = not pa.types.is_floating(label.type) or pc.all(pc.equal(values, pc.floor(values))).as_py()
    if kind == "auto" and numeric and (not whole or len(values) > MOST_NUMERIC_CLASSES):
        kind = "regression"
    if kind == "regression":
        if not numeric:
            raise ArgumentError("task", expected="classification for a label of text or booleans", got="regression")
        return Task("regression")
    if not whole:
        raise ArgumentError("task", expected=f"regression for the label {name!r}, which has fractions", got=kind)
    ordered = values.take(pc.sort_indices(values)) if not pa.types.is_boolean(label.type) else pa.array([False, True])
    classes = tuple(class_text(ordered).to_pylist())
    if kind == "binary" and len(classes) > 2:
        raise ArgumentError("task", expected="multiclass", got=f"binary, but {name!r} has {len(classes)} classes")
    if kind == "multiclass":
        return Task("multiclass", classes)
    return Task("binary" if len(classes) == 2 else "multiclass", classes)
