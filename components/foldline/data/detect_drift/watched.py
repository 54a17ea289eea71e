"""What is watched of a table: its columns, predictions, label and errors, and how columns go together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from foldline.data.detect_drift import excluded
from foldline.data.detect_drift.columns import Binned
from foldline.data.detect_drift.findings import Excluded
from foldline.data.detect_drift.joint import Joint
from foldline.data.detect_drift.observed import Observed
from foldline.data.detect_drift.performance import Scored, label_numbers
from foldline.data.detect_drift.periods import Ints
from foldline.data.detect_drift.rows import Column, Rows
from foldline.errors import ArgumentError, DataError


@dataclass(frozen=True)
class WatchedColumn:
    """A column, and its tier: `input`, `prediction` or `label`."""

    tier: str
    column: Column
    binned: Binned


@dataclass(frozen=True)
class Watched:
    """All that is watched.

    Attributes:
        columns: inputs, then predictions, then the label; without missing values but for inputs.
        scored: rows with label and prediction; None without a model.
        joint: None where fewer than two inputs can be compared.
        left_out: columns that are not watched.
    """

    columns: tuple[WatchedColumn, ...]
    scored: Scored | None
    joint: Joint | None
    left_out: tuple[Excluded, ...]

    @classmethod
    def of(cls, reference: Observed, rows: Rows, times: Ints, periods: int, exclude: Sequence[str]) -> "Watched":
        """What the reference has.

        Args:
            times: of all rows in their order, in microseconds since 1970; shape (n_rows,).
            periods: number of the reference's periods.

        Raises:
            ArgumentError: `exclude` names a column that is not there.
            DataError: nothing is left to be watched.
        """
        for name in exclude:
            if name not in reference.table.column_names:
                raise ArgumentError(
                    "exclude_columns", expected=f"columns of {', '.join(reference.inputs())}", got=repr(name)
                )
        known = times[: rows.starts[periods]]
        reasons = _known_reasons(reference, rows, exclude)
        inputs = []
        for name in reference.inputs():
            if name not in reasons:
                column = rows.column(name)
                binned = Binned.of(column, rows.starts, periods, keep_missing=True)
                if reason := excluded.moving(column, binned, known, periods):
                    reasons[name] = reason
                else:
                    inputs.append(WatchedColumn("input", column, binned))
        others = [("prediction", name) for name in reference.predictions]
        others += [("label", reference.label)] if reference.label else []
        columns = [*inputs, *(_other(rows, tier, name, periods) for tier, name in others if name not in reasons)]
        if not columns:
            raise DataError(
                "reference",
                expected="a column that can be watched",
                got="; ".join(f"{name}: {reason}" for name, reason in reasons.items()) or "none",
            )
        return cls(
            columns=tuple(columns),
            scored=_scored(reference, rows),
            joint=Joint.of([one.column for one in inputs], rows.starts, periods),
            left_out=tuple(Excluded(name, reason) for name, reason in reasons.items()),
        )


def _known_reasons(reference: Observed, rows: Rows, exclude: Sequence[str]) -> dict[str, str]:
    """Columns that are left out whatever they hold, with the reason."""
    kinds: Mapping[str, str] = {
        name: str(reference.table.schema.field(name).type) for name in reference.table.column_names
    }
    return {
        **{name: "it is a time" for name in reference.inputs() if kinds[name].startswith("timestamp")},
        **dict.fromkeys(reference.key_columns, "it identifies rows"),
        **dict.fromkeys(exclude, "named in exclude_columns"),
    }


def _other(rows: Rows, tier: str, name: str, periods: int) -> WatchedColumn:
    column = rows.column(name)
    return WatchedColumn(tier, column, Binned.of(column, rows.starts, periods, keep_missing=False))


def _scored(reference: Observed, rows: Rows) -> Scored | None:
    if reference.task is None or reference.label not in rows.window.column_names:
        return None
    label = np.concatenate(
        [label_numbers(reference.task, table[reference.label]) for table in (rows.reference, rows.window)]
    )
    prediction = np.stack([rows.column(name).values for name in reference.predictions], axis=1)
    return Scored.of(reference.task, label[rows.order], prediction, rows.starts)
