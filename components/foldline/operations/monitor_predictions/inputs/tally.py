"""Counts of what does not fit, a period and a column each."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from foldline.artifacts.dataset import DTYPES
from foldline.operations.monitor_predictions.inputs.expected import TESTS, Expected, as_numbers, is_category
from foldline.operations.monitor_predictions.natural import Chain

Counts = NDArray[np.int64]


@dataclass
class Tally:
    """Counts over periods.

    Attributes:
        columns: names.
        rows: shape (n_periods,).
        counts: rows that fail a test; shape (n_periods, n_columns, 4).
        given: rows that name the column, with a value or without; shape (n_periods, n_columns).
    """

    columns: tuple[str, ...]
    rows: Counts
    counts: Counts
    given: Counts

    @classmethod
    def empty(cls, columns: tuple[str, ...], periods: int) -> Self:
        shape = (periods, len(columns))
        return cls(
            columns,
            np.zeros(periods, np.int64),
            np.zeros((*shape, len(TESTS)), np.int64),
            np.zeros(shape, np.int64),
        )

    def only(self, columns: tuple[str, ...]) -> "Tally":
        """Of these columns, in this order."""
        places = [self.columns.index(name) for name in columns]
        return Tally(columns, self.rows, self.counts[:, places], self.given[:, places])

    def add(self, column: str, period: NDArray[np.int64], misfits: NDArray[np.bool_], given: NDArray[np.bool_]) -> None:
        """Count one column of some rows; those of period -1 are passed over.

        Args:
            period: shape (n_rows,).
            misfits: shape (4, n_rows).
            given: which rows name the column; shape (n_rows,).
        """
        index, periods = self.columns.index(column), len(self.rows)
        inside = period >= 0
        for test, failed in enumerate(misfits):
            self.counts[:, index, test] += np.bincount(period[inside & failed], minlength=periods)
        self.given[:, index] += np.bincount(period[inside & given], minlength=periods)


def of_table(table: pa.Table, period: NDArray[np.int64], periods: int, expected: dict[str, Expected]) -> Tally:
    """Counts of the rows of `table`; a column that it lacks is missing, one of another type is of a wrong type.

    Args:
        period: of each row, -1 of rows that are left out.
    """
    tally = Tally.empty(tuple(expected), periods)
    tally.rows = np.bincount(period[period >= 0], minlength=periods).astype(np.int64)
    everywhere = np.ones(table.num_rows, dtype=bool)
    for name, one in expected.items():
        kind = DTYPES[one.dtype]
        there = name in table.column_names
        typed = there and _same(table[name].type, kind)
        values = table[name].cast(kind).combine_chunks() if typed else pa.nulls(table.num_rows, kind)
        wrong = np.zeros(table.num_rows, dtype=bool)
        if there and not typed:
            wrong = np.asarray(pc.is_valid(table[name]).to_numpy(), dtype=bool)
        tally.add(name, period, one.misfits(values, wrong), everywhere & there)
    return tally


def of_reference(table: pa.Table, period: NDArray[np.int64], expected: dict[str, Expected], how: Chain) -> Tally:
    """Counts of the reference's periods, each held against its own slice of earlier periods.

    Periods without a slice have no unseen values and none out of range.
    """
    tally = Tally.empty(tuple(expected), how.periods)
    tally.rows = np.bincount(period[period >= 0], minlength=how.periods).astype(np.int64)
    inside = (period >= 0) & (period >= how.first)
    everywhere = np.ones(table.num_rows, dtype=bool)
    for name, one in expected.items():
        values = table[name]
        absent = np.asarray(pc.is_null(values, nan_is_null=True).to_numpy(), dtype=bool)
        unfit = np.zeros((len(TESTS), table.num_rows), dtype=bool)
        unfit[0] = absent
        if is_category(one.dtype):
            unfit[2] = inside & ~absent & _unseen(values, period, absent, how)
        else:
            low, high = _ranges(as_numbers(values), period, absent, how)
            numbers = as_numbers(values)
            with np.errstate(invalid="ignore"):
                outside = (numbers < low[period]) | (numbers > high[period])
            unfit[3] = inside & ~absent & outside
        tally.add(name, period, unfit, everywhere)
    return tally


def _same(given: pa.DataType, wanted: pa.DataType) -> bool:
    # A column without any value is read as one of numbers.
    whole = pa.types.is_integer(given) and pa.types.is_floating(wanted)
    return bool(given == wanted or whole or pa.types.is_null(given))


def _unseen(
    values: pa.ChunkedArray, period: NDArray[np.int64], absent: NDArray[np.bool_], how: Chain
) -> NDArray[np.bool_]:
    """Rows whose value none of the periods of their slice has."""
    codes = np.asarray(pc.fill_null(values.combine_chunks().dictionary_encode().indices, 0).to_numpy(), dtype=np.int64)
    # A place for each value and period, and one that no period has between two values.
    stride = how.periods + 1
    there = (period >= 0) & ~absent
    places = np.unique(codes[there] * stride + period[there])
    newest = codes * stride + period - how.lag
    before = np.searchsorted(places, newest, side="right") - 1
    found = np.where(before >= 0, places[np.maximum(before, 0)] if len(places) else -1, -1)
    seen: NDArray[np.bool_] = (found // stride == codes) & (found > newest - how.width)
    return ~seen


def _ranges(
    numbers: NDArray[np.float64], period: NDArray[np.int64], absent: NDArray[np.bool_], how: Chain
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The range of the slice of each period; shape (n_periods,) each; everything where it has no values."""
    lows, highs = np.full(how.periods, np.inf), np.full(how.periods, -np.inf)
    there = (period >= 0) & ~absent
    np.minimum.at(lows, period[there], numbers[there])
    np.maximum.at(highs, period[there], numbers[there])
    low, high = np.full(how.periods, -np.inf), np.full(how.periods, np.inf)
    for one in range(how.first, how.periods):
        least, most = lows[how.slice_before(one)].min(), highs[how.slice_before(one)].max()
        if least <= most:
            low[one], high[one] = least, most
    return low, high
