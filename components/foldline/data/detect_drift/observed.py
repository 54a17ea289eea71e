"""Rows that are held against others, and what is known of their columns."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import pyarrow as pa

from foldline.artifacts import Dataset, Task
from foldline.artifacts.dataset import ROW_ID
from foldline.data.detect_drift.periods import Ints


@dataclass(frozen=True)
class Observed:
    """A table.

    Attributes:
        table: with a column `row_id` (int64).
        digest: of the model whose predictions stand in the table, else of the rows.
        time_column: empty where there is none.
        end: time of the last row of what `table` holds or is a sample of, ISO 8601; empty without a time column.
        label: name of the label's column, empty where there is none.
        key_columns: names of columns that identify rows.
        model_version: of the model whose predictions stand in the table; empty where none do.
        task: of that model.
        predictions: names of their columns.
    """

    table: pa.Table
    digest: str
    time_column: str = ""
    end: str = ""
    label: str = ""
    key_columns: tuple[str, ...] = ()
    model_version: str = ""
    task: Task | None = None
    predictions: tuple[str, ...] = ()

    @classmethod
    def of(cls, dataset: Dataset) -> Self:
        """The rows of a dataset, plain or scored."""
        scored = dataset.model
        return cls(
            table=dataset.table(),
            digest=scored.get("digest") or dataset.digest,
            time_column=dataset.time_window.get("column", ""),
            end=dataset.time_window.get("end", ""),
            label=scored.get("label", dataset.label),
            key_columns=dataset.key_columns,
            model_version=scored.get("version", ""),
            task=dataset.scored_task if scored else None,
            predictions=tuple(scored.get("predictions", ())),
        )

    def times(self, column: str) -> Ints:
        """Microseconds since 1970 of each row; shape (n_rows,)."""
        return np.asarray(self.table[column].cast(pa.int64()).to_numpy(), dtype=np.int64)

    def timed(self, column: str) -> Self:
        """Without the rows that have no time."""
        if column not in self.table.column_names or not self.table[column].null_count:
            return self
        return type(self)(**{**self.__dict__, "table": self.table.filter(self.table[column].is_valid())})

    def inputs(self) -> list[str]:
        """Columns that are neither identity, time, label nor prediction."""
        others = {ROW_ID, self.time_column, self.label, *self.predictions}
        return [name for name in self.table.column_names if name not in others]
