"""Rules about a table as a whole: uniqueness, freshness, number of rows, balance of classes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from foldline.artifacts.identity import content_hash, occurrence
from foldline.data.validate_data.findings import Finding
from foldline.data.validate_data.rules.rule import Rule


@dataclass(frozen=True)
class Unique(Rule):
    """No two rows have the same values in all of `columns`; two missing values are the same."""

    columns: tuple[str, ...]

    def broken(self, table: pa.Table, now: datetime) -> Finding | None:
        lacking = self.without(table, self.columns)
        if lacking:
            return lacking
        repeated = occurrence(content_hash(table, list(self.columns))) > 0
        if not repeated.any():
            return None
        column = self.columns[0] if len(self.columns) == 1 else ""
        evidence = f"{int(repeated.sum())} of {len(repeated)} rows repeat {', '.join(self.columns)} of an earlier one"
        return self.told(column, evidence, table, repeated, self.columns)


@dataclass(frozen=True)
class Freshness(Rule):
    """The newest time in `column` is at most `within` before `at` (now when None) and not after it."""

    column: str
    within: timedelta
    at: datetime | None

    def broken(self, table: pa.Table, now: datetime) -> Finding | None:
        lacking = self.without(table, [self.column])
        if lacking:
            return lacking
        times = table[self.column]
        if not pa.types.is_timestamp(times.type):
            return self.cannot(self.column, f"it holds {times.type}, no times")
        newest, end = pc.max(times).as_py(), self.at or now
        if newest is None:
            return self.told(self.column, "no times at all", table)
        if end - self.within <= newest <= end:
            return None
        newest_rows = np.asarray(pc.fill_null(pc.equal(times, newest), False).to_numpy(), dtype=bool)
        side = "after" if newest > end else f"more than {self.within} before"
        evidence = f"the newest time, {newest:%Y-%m-%d %H:%M}, is {side} {end:%Y-%m-%d %H:%M}"
        return self.told(self.column, evidence, table, newest_rows, [self.column])


@dataclass(frozen=True)
class Rows(Rule):
    """The number of rows is within `factor` times, and one over it, of the median of earlier numbers, `history`."""

    history: tuple[int, ...]
    factor: float

    def broken(self, table: pa.Table, now: datetime) -> Finding | None:
        usual = float(np.median(self.history))
        if usual / self.factor <= table.num_rows <= usual * self.factor:
            return None
        bounds = f"{usual / self.factor:.0f} to {usual * self.factor:.0f}"
        evidence = (
            f"{table.num_rows} rows; the median of {len(self.history)} earlier is {usual:.0f}, so {bounds} are fine"
        )
        return self.told("", evidence, table)


@dataclass(frozen=True)
class Balance(Rule):
    """Each value of `column` has a share of the rows from `least` to `most`; rows without a value do not count."""

    column: str
    least: float
    most: float

    def broken(self, table: pa.Table, now: datetime) -> Finding | None:
        lacking = self.without(table, [self.column])
        if lacking:
            return lacking
        values = table[self.column].drop_null()
        shares = {str(each["values"]): each["counts"] / len(values) for each in values.value_counts().to_pylist()}
        wrong = {value: share for value, share in sorted(shares.items()) if not self.least <= share <= self.most}
        if not wrong:
            return None
        shown = ", ".join(f"{value!r} has {share:.2%}" for value, share in list(wrong.items())[:5])
        evidence = f"{shown} of the rows instead of {self.least:.2%} to {self.most:.2%}"
        return self.told(self.column, evidence, table)
