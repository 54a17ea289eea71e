"""Rules about single rows: a range, a regular expression, an SQL expression over several columns."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from foldline.data.ingest_dataset.shape import parse_expression
from foldline.data.validate_data.findings import Finding
from foldline.data.validate_data.rules.rule import RowRule


@dataclass(frozen=True)
class Range(RowRule):
    """Numbers of `column` are from `least` to `most`, the ends included; None is no bound. Missing values are fine."""

    column: str
    least: float | None
    most: float | None

    def broken(self, table: pa.Table, now: datetime) -> Finding | None:
        lacking = self.without(table, [self.column])
        if lacking:
            return lacking
        column = table[self.column]
        if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
            return self.cannot(self.column, f"it holds {column.type}, no numbers")
        numbers = np.asarray(column.cast(pa.float64(), safe=False).to_numpy(), dtype=np.float64)
        below = numbers < (-np.inf if self.least is None else self.least)
        above = numbers > (np.inf if self.most is None else self.most)
        words = [f"below {self.least:.6g}"] if self.least is not None else []
        words += [f"above {self.most:.6g}"] if self.most is not None else []
        return self.judged(self.column, below | above, f"are {' or '.join(words)}", table, [self.column])


@dataclass(frozen=True)
class Pattern(RowRule):
    """The whole text of `column` matches the regular expression `pattern` (RE2's syntax). Missing values are fine."""

    column: str
    pattern: str

    def broken(self, table: pa.Table, now: datetime) -> Finding | None:
        lacking = self.without(table, [self.column])
        if lacking:
            return lacking
        column = table[self.column]
        if not pa.types.is_string(column.type):
            return self.cannot(self.column, f"it holds {column.type}, no text")
        matches = pc.fill_null(pc.match_substring_regex(column, pattern=whole_text(self.pattern)), True)
        wrong = ~np.asarray(matches.to_numpy(), dtype=bool)
        return self.judged(self.column, wrong, f"do not match {self.pattern!r}", table, [self.column])


def whole_text(pattern: str) -> str:
    """The regular expression that matches a text where `pattern` matches all of it."""
    return rf"\A(?:{pattern})\z"


@dataclass(frozen=True)
class Expression(RowRule):
    """The SQL condition `sql` is true in each row, or unknown because values are missing."""

    sql: str

    def broken(self, table: pa.Table, now: datetime) -> Finding | None:
        expression = parse_expression(self.sql, f"rules[{self.name!r}].sql")
        named = list(dict.fromkeys(expression.meta.root_names()))
        lacking = self.without(table, named)
        if lacking:
            return lacking
        frame = pl.from_arrow(table.select(named or ["row_id"]))
        assert isinstance(frame, pl.DataFrame)
        try:
            found = frame.select(expression.alias("kept"))["kept"]
        except pl.exceptions.PolarsError as fault:
            return self.cannot("", f"{self.sql!r}: {str(fault).strip().splitlines()[0]}")
        if found.dtype != pl.Boolean or len(found) != len(frame):
            return self.cannot("", f"{self.sql!r} gives {found.dtype} in {len(found)} rows, no condition on each row")
        wrong = ~np.asarray(found.fill_null(True).to_numpy(), dtype=bool)
        column = named[0] if len(named) == 1 else ""
        return self.judged(column, wrong, f"do not keep {self.sql!r}", table, named)
