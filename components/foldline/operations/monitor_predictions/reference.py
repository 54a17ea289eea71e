"""The model's reference, and later rows with its predictions, cut into periods."""

from dataclasses import dataclass
from datetime import datetime
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from foldline.artifacts import Dataset, Task
from foldline.artifacts.task import class_text
from foldline.errors import ArtifactError
from foldline.operations.monitor_predictions.estimated import Estimator
from foldline.operations.monitor_predictions.inputs.expected import input_columns
from foldline.operations.monitor_predictions.natural import Floats
from foldline.operations.monitor_predictions.periods import Periods, microseconds
from foldline.operations.monitor_predictions.quality import Rows

# Of the periods since the reference, the newest.
MOST_PERIODS = 60
# Labelled rows of the reference that probabilities are calibrated on, at least.
LEAST_CALIBRATING = 100


@dataclass(frozen=True)
class Cut:
    """A scored dataset in periods.

    Attributes:
        table: all columns.
        period: of each row, -1 of rows that are in none; shape (n_rows,).
        rows: those with a prediction.
    """

    task: Task
    columns: tuple[str, ...]
    table: pa.Table
    periods: Periods
    period: NDArray[np.int64]
    rows: Rows

    @classmethod
    def of_reference(cls, dataset: Dataset, length: int) -> Self:
        """The reference in whole periods of `length` microseconds, counted back from its last row; in one where it is
        shorter or has no time column."""
        window = dataset.time_window
        if not window:
            return cls._of(dataset, Periods(0, length, 1))
        end = microseconds(datetime.fromisoformat(window["end"])) + 1
        span = end - microseconds(datetime.fromisoformat(window["start"]))
        return cls._of(dataset, Periods.ending(end, length, max(1, span // length)))

    @classmethod
    def of_window(cls, dataset: Dataset, reference: Dataset, length: int) -> Self:
        """Later rows in the periods that follow those of the reference; in one period where there is no time column."""
        last = dataset.time_window.get("end", "")
        if not last:
            return cls._of(dataset, Periods(0, length, 1))
        before = reference.time_window.get("end", "")
        start = microseconds(datetime.fromisoformat(before or dataset.time_window["start"])) + bool(before)
        moment = microseconds(datetime.fromisoformat(last))
        return cls._of(dataset, Periods.covering(start, moment, length, MOST_PERIODS))

    @classmethod
    def _of(cls, dataset: Dataset, periods: Periods) -> Self:
        task, table = dataset.scored_task, dataset.table()
        period = _period(table, dataset.time_window.get("column", ""), periods)
        prediction = np.column_stack(
            [np.asarray(table[name].to_numpy(), dtype=np.float64) for name in dataset.model["predictions"]]
        )
        has = np.isfinite(prediction).all(axis=1)
        rows = Rows(period[has], periods.count, _label(table, dataset.model["label"], task)[has], prediction[has])
        return cls(task, tuple(input_columns(dataset)), table, periods, period, rows)

    def lag(self, end: int) -> int:
        """Periods from the last one of these to the one that ends at `end` (microseconds since 1970), at least 1."""
        own = self.periods.start + self.periods.count * self.periods.length
        return max(1, -(-(end - own) // self.periods.length))

    def estimator(self) -> Estimator | None:
        """Of metrics before labels come; None for a regression, or where too few rows have a label and a prediction."""
        labelled = self.rows.labelled
        classes = len(np.unique(labelled.label))
        if not self.task.is_classification or len(labelled.label) < LEAST_CALIBRATING or classes < 2:
            return None
        order = np.argsort(labelled.period, kind="stable")
        return Estimator(self.task, labelled.label[order], labelled.prediction[order])


def check_same_model(reference: Dataset, window: Dataset) -> None:
    """Raises ArtifactError where the predictions of the two are of different models."""
    for name in ("digest", "predictions", "label"):
        expected, got = reference.model.get(name), window.model.get(name)
        if expected != got:
            raise ArtifactError(
                f"field model.{name} of the window",
                expected=f"{expected!r}, as the reference's",
                got=repr(got),
                fix="Give both as score_champion makes them.",
            )


def _period(table: pa.Table, column: str, periods: Periods) -> NDArray[np.int64]:
    if not column:
        return np.zeros(table.num_rows, np.int64)
    times = table[column]
    moments = pc.fill_null(times.cast(pa.timestamp("us")).cast(pa.int64()), periods.start - 1)
    return periods.of(np.asarray(moments.to_numpy(), dtype=np.int64))


def _label(table: pa.Table, name: str, task: Task) -> Floats:
    """Index of the class, or the value; NaN where there is none, or a class that the model does not know."""
    if name not in table.column_names:
        return np.full(table.num_rows, np.nan)
    label = table[name]
    if not task.is_classification:
        return np.asarray(label.cast(pa.float64()).to_numpy(), dtype=np.float64)
    if pa.types.is_floating(label.type):
        label = pc.if_else(pc.is_finite(label), label, pa.scalar(None, label.type))
    index = pc.index_in(class_text(label), pa.array(task.classes, pa.string())).cast(pa.float64())
    return np.asarray(index.to_numpy(), dtype=np.float64)
