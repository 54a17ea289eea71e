"""The judgement of a series of windows: tables in, findings out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import pyarrow as pa

from foldline.artifacts import Dataset, Task
from foldline.data.detect_drift.findings import Findings
from foldline.data.detect_drift.policy import Policy


@dataclass(frozen=True)
class Observed:
    """Rows that are held against others.

    Attributes:
        table: with a column `row_id` (int64).
        time_column: empty where there is none.
        digest: of the rows.
        end: time of the last row of what `table` holds or is a sample of, ISO 8601; empty without a time column.
        label: name of the label's column, empty where there is none.
        key_columns: names of columns that identify rows.
        model_version: of the model whose predictions stand in the table; empty where none do.
        task: of that model.
        predictions: names of their columns.
    """

    table: pa.Table
    time_column: str
    digest: str
    end: str
    label: str = ""
    key_columns: tuple[str, ...] = ()
    model_version: str = ""
    task: Task | None = None
    predictions: tuple[str, ...] = ()

    @classmethod
    def of(cls, dataset: Dataset) -> Self:
        """The rows of a dataset, plain or scored."""
        raise NotImplementedError


def judge_series(
    reference: Observed, window: Observed, *, every: str, exclude: Sequence[str] = (), policy: Policy
) -> Findings:
    """Judge one window, or consecutive windows, against the natural variation of `reference`.

    What is found of a window depends on the reference and the windows before it alone.

    Raises:
        ArgumentError: `every` is no duration, or `exclude` names a column that is not there.
        DataError: the reference has no time column, or the tables have no column in common that can be watched.
    """
    raise NotImplementedError


def until(findings: Findings, windows: int) -> Findings:
    """What stood after the first `windows` of the series."""
    raise NotImplementedError
