"""What all rules have in common, and how a broken one is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from foldline.data.validate_data.findings import ERROR, Finding, examples_of

_ADVICE = "Correct the data at the source, or the rule."


@dataclass(frozen=True)
class Rule:
    """A rule; its kinds say what it asks for.

    Attributes:
        name: what the person calls it.
        severity: of the finding when it is broken, `error` or `warning`.
    """

    name: str
    severity: str

    def broken(self, table: pa.Table, now: datetime) -> Finding | None:
        """The finding where the table breaks the rule; None where it keeps it.

        Args:
            table: `row_id` and all columns.
            now: in UTC, without a zone.
        """
        raise NotImplementedError

    def told(self, column: str, evidence: str, table: pa.Table, rows: NDArray[np.bool_] | None = None,
             shown: Sequence[str] = ()) -> Finding:  # fmt: skip
        """A finding; `rows`, shape (n_rows,), are those that show it, by their values in the columns `shown`."""
        examples = () if rows is None else examples_of(table, rows, list(shown))
        return Finding(self.severity, column, f"breaks the rule {self.name!r}", evidence, _ADVICE, examples)

    def cannot(self, column: str, evidence: str) -> Finding:
        """The finding that the table does not have what the rule is about: always an error."""
        advice = "Correct the rule, or the columns that are ingested."
        return Finding(ERROR, column, f"does not fit the rule {self.name!r}", evidence, advice)

    def without(self, table: pa.Table, columns: Sequence[str]) -> Finding | None:
        """The finding that the table lacks one of the columns; None where it has them."""
        lacking = [name for name in columns if name not in table.column_names]
        return self.cannot(lacking[0], "no such column") if lacking else None


@dataclass(frozen=True)
class RowRule(Rule):
    """A rule that each row keeps or breaks by itself.

    Attributes:
        tolerated: share of the rows that may break it.
    """

    tolerated: float

    def judged(self, column: str, wrong: NDArray[np.bool_], wanted: str, table: pa.Table, shown: Sequence[str]
               ) -> Finding | None:  # fmt: skip
        """The finding where more rows than are tolerated are `wrong`; shape (n_rows,)."""
        rows, share = int(wrong.sum()), float(wrong.mean()) if len(wrong) else 0.0
        if share <= self.tolerated:
            return None
        return self.told(column, f"{rows} of {len(wrong)} rows, {share:.2%}, {wanted}", table, wrong, shown)
