"""How much worse predictions are in a period than in a slice, where labels came."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from foldline.artifacts import Task
from foldline.artifacts.task import class_text
from foldline.data.detect_drift.distances import Floats
from foldline.data.detect_drift.joint import area
from foldline.data.detect_drift.periods import Ints, Pairs
from foldline.evaluation import per_row


@dataclass(frozen=True)
class Scored:
    """Rows that have a label and a prediction, in the order of `Rows`.

    Attributes:
        starts: first row of each period; shape (n_periods + 1,).
        label: index of the class, or the value; shape (n_rows,).
        prediction: shape (n_rows, task.outputs).
        loss: log loss or squared error of each row; shape (n_rows,).
    """

    task: Task
    starts: Ints
    label: Floats
    prediction: Floats
    loss: Floats

    @classmethod
    def of(cls, task: Task, label: Floats, prediction: Floats, starts: Ints) -> "Scored":
        """Rows without a label (NaN) or without a prediction are left out."""
        there = ~np.isnan(label) & np.isfinite(prediction).all(axis=1)
        label, prediction = label[there], prediction[there]
        squared = (label - prediction[:, 0]) ** 2
        loss = per_row.log_loss(task, label, prediction) if task.is_classification else squared
        return cls(task, np.concatenate([[0], np.cumsum(there)])[starts], label, prediction, loss)

    @property
    def loss_name(self) -> str:
        return "log_loss" if self.task.is_classification else "squared_error"

    def rows(self, period: int) -> int:
        """Number of rows of a period."""
        return int(self.starts[period + 1] - self.starts[period])

    def loss_increases(self, pairs: Pairs, rows: int) -> Floats:
        """Increase of the mean loss over the slice's, as a share of it, of each pair, periods cut to `rows` rows."""
        return np.array(
            [
                self.loss[one].mean() / max(self.loss[other].mean(), np.finfo(np.float64).tiny) - 1.0
                for one, other in self._compared(pairs, rows)
            ]
        )

    def area_losses(self, pairs: Pairs, rows: int) -> Floats | None:
        """Loss of area under the ROC curve of each pair, periods cut to `rows` rows; None where the task is not binary,
        or a period or slice has one class only."""
        if self.task.kind != "binary":
            return None
        compared = self._compared(pairs, rows)
        found = np.array([self._area(other) - self._area(one) for one, other in compared])
        return found if np.isfinite(found).all() else None

    def _compared(self, pairs: Pairs, rows: int) -> list[tuple[slice, slice]]:
        return [
            (
                slice(int(self.starts[period]), int(min(self.starts[period + 1], self.starts[period] + rows))),
                slice(int(self.starts[first]), int(self.starts[last])),
            )
            for period, (first, last) in zip(pairs.periods, pairs.slices(), strict=True)
        ]

    def _area(self, rows: slice) -> float:
        label, prediction = self.label[rows], self.prediction[rows, 0]
        return area(prediction[label > 0.5], prediction[label <= 0.5])


def label_numbers(task: Task, label: pa.ChunkedArray) -> Floats:
    """Index of the class, or the value; NaN where it is missing or no class of the task; shape (n_rows,)."""
    if not task.is_classification:
        values: Floats = pc.fill_null(label.cast(pa.float64()), np.nan).to_numpy()
        return values
    indices = pc.index_in(class_text(label), pa.array(task.classes, pa.string())).cast(pa.float64())
    found: Floats = pc.fill_null(indices, np.nan).to_numpy()
    return found
