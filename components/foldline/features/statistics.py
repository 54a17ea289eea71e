"""Statistics of columns that merge: computed once for each fold, then added up for any set of folds.

Merging is a function of the parts and their order alone, so what a fold's transform is fitted on depends on its
training folds and on nothing else; no total is ever taken back apart.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from foldline.artifacts.dataset import Column
from foldline.artifacts.signature import MISSING_INTEGER, RawColumn, tensors_from_table
from foldline.errors import DataError
from foldline.features.calendar import day_of_week, hour_of_day, month_of_year
from foldline.features.labels import Labels
from foldline.features.words import WordStatistics, collect_words, merge_words

# A float column's values of one fold are kept exactly up to this many different ones, then thinned to this many.
MOST_VALUES = 65_536


@dataclass(frozen=True)
class NumberStatistics:
    """Numbers (`int64`, `float64` and `bool` columns), as the graph sees them: float64 values rounded to float32.

    Attributes:
        rows, missing: number of rows, and of those without a value.
        mean, m2: mean, and sum of squared distances from it.
        values, counts: shape (n_values,), int64 or float64, and int64: the different values in increasing order, and
            how often each occurs. Exact for whole numbers, and for float columns with at most `MOST_VALUES` different
            values a fold; beyond, thinned so that a rank is off by at most rows / `MOST_VALUES`.
    """

    rows: int
    missing: int
    mean: float
    m2: float
    values: NDArray[Any]
    counts: NDArray[np.int64]

    @property
    def present(self) -> int:
        return self.rows - self.missing

    def quantile(self, fraction: float) -> float:
        """The smallest value that at least `fraction` of the present values do not exceed (inverted distribution)."""
        cumulative = np.cumsum(self.counts)
        return float(self.values[np.searchsorted(cumulative, fraction * cumulative[-1])])


@dataclass(frozen=True)
class TimeStatistics:
    """Times (`timestamp` columns).

    Attributes:
        hours, days, months: shape (24,), (7,), (12,): how often each hour, day of the week (Monday first) and month
            occurs.
    """

    rows: int
    missing: int
    hours: NDArray[np.int64]
    days: NDArray[np.int64]
    months: NDArray[np.int64]

    @property
    def present(self) -> int:
        return self.rows - self.missing


ColumnStatistics = NumberStatistics | WordStatistics | TimeStatistics
TableStatistics = Mapping[str, ColumnStatistics]


def collect(
    table: pa.Table,
    columns: Sequence[Column],
    fold: NDArray[np.int64],
    labels: Labels | None = None,
    derived: Mapping[str, NDArray[np.float64]] = MappingProxyType({}),
) -> dict[int, TableStatistics]:
    """Statistics of the named columns for each fold, in increasing order of folds from 0.

    Args:
        table: the rows; read once.
        fold: shape (n_rows,): number of each row's fold; rows with -1 belong to none and enter nothing.
        labels: of the rows, where a column's statistics need them; such a column's whole numbers count as words.
        derived: numbers made of several columns, shape (n_rows,) each; see `combined_columns`.

    Raises:
        DataError: a column holds infinite numbers, in any row.
    """
    numbers = range(int(fold.max(initial=-1)) + 1)
    rows = {number: np.flatnonzero(fold == number) for number in numbers}
    collected: dict[int, dict[str, ColumnStatistics]] = {number: {} for number in numbers}
    for column in columns:
        of_folds: Mapping[int, ColumnStatistics]
        with_labels = labels is not None and column.name in labels.columns
        if column.dtype == "string" or with_labels:
            beside = labels.values if labels is not None and with_labels else np.zeros((len(fold), 0))
            of_folds = collect_words(table[column.name], fold, numbers, beside)
        else:
            raw = RawColumn(column.name, column.dtype)
            with np.errstate(over="ignore"):
                tensor = tensors_from_table(table.select([column.name]), [raw])[column.name]
            if column.dtype == "timestamp":
                of_folds = {number: _times(tensor[rows[number]]) for number in numbers}
            else:
                _check_finite(column.name, tensor)
                of_folds = {number: _numbers(tensor[rows[number]]) for number in numbers}
        for number in numbers:
            collected[number][column.name] = of_folds[number]
    for name, values in derived.items():
        for number in numbers:
            collected[number][name] = _numbers(values[rows[number]])
    return dict(collected)


def merge(parts: Sequence[TableStatistics]) -> TableStatistics:
    """Statistics of all rows of the parts, merged in their order."""
    return {name: _merge_column([part[name] for part in parts]) for name in parts[0]}


def merge_without_each(parts: Mapping[int, TableStatistics], names: Collection[str]) -> dict[int, TableStatistics]:
    """For each part, statistics of the named columns over the rows of all others; none where there are no others."""
    if len(parts) < 2:
        return {}
    few = {number: {name: part[name] for name in names} for number, part in parts.items()}
    return {number: merge([part for other, part in few.items() if other != number]) for number in few if names}


def _check_finite(name: str, values: NDArray[Any]) -> None:
    infinite = int(np.isinf(values).sum())
    if infinite:
        raise DataError(
            f"column {name!r}",
            expected="finite numbers of 32 bits (at most 3.4e38) or missing values",
            got=f"{infinite} infinite or larger ones",
            fix="Mend the values, or name the column in exclude_columns.",
        )


def _numbers(tensor: NDArray[Any]) -> NumberStatistics:
    whole = tensor.dtype == np.int64
    present = tensor[tensor != MISSING_INTEGER] if whole else tensor[~np.isnan(tensor)]
    values, counts = np.unique(present, return_counts=True)
    counts = counts.astype(np.int64)
    numbers = values.astype(np.float64)
    total = len(present)
    mean = float((numbers * counts).sum() / total) if total else 0.0
    m2 = float((np.square(numbers - mean) * counts).sum())
    if not whole:
        values, counts = _thin(numbers, counts)
    return NumberStatistics(len(tensor), len(tensor) - total, mean, m2, values, counts)


def _thin(values: NDArray[np.float64], counts: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """At most `MOST_VALUES` values at evenly spaced ranks, the smallest and largest among them; each stands for those
    after the one before it."""
    if len(values) <= MOST_VALUES:
        return values, counts
    cumulative = np.cumsum(counts)
    ranks = np.linspace(0, cumulative[-1], MOST_VALUES - 1)
    kept = np.unique(np.r_[0, np.minimum(np.searchsorted(cumulative, ranks), len(values) - 1)])
    return values[kept], np.diff(np.r_[0, cumulative[kept]])


def _times(tensor: NDArray[np.int64]) -> TimeStatistics:
    present = tensor[tensor != MISSING_INTEGER]
    return TimeStatistics(
        rows=len(tensor),
        missing=len(tensor) - len(present),
        hours=np.bincount(hour_of_day(present), minlength=24).astype(np.int64),
        days=np.bincount(day_of_week(present), minlength=7).astype(np.int64),
        months=np.bincount(month_of_year(present) - 1, minlength=12).astype(np.int64),
    )


def _merge_column(parts: Sequence[ColumnStatistics]) -> ColumnStatistics:
    first = parts[0]
    rows, missing = sum(part.rows for part in parts), sum(part.missing for part in parts)
    if isinstance(first, NumberStatistics):
        numbers = [part for part in parts if isinstance(part, NumberStatistics)]
        values, counts = _add_counts([part.values for part in numbers], [part.counts for part in numbers])
        mean, m2 = _merge_moments(numbers)
        return NumberStatistics(rows, missing, mean, m2, values, counts)
    if isinstance(first, WordStatistics):
        return merge_words([part for part in parts if isinstance(part, WordStatistics)])
    times = [part for part in parts if isinstance(part, TimeStatistics)]
    return TimeStatistics(
        rows=rows,
        missing=missing,
        hours=np.sum([part.hours for part in times], axis=0),
        days=np.sum([part.days for part in times], axis=0),
        months=np.sum([part.months for part in times], axis=0),
    )


def _add_counts(
    values: Sequence[NDArray[Any]], counts: Sequence[NDArray[np.int64]]
) -> tuple[NDArray[Any], NDArray[np.int64]]:
    merged, places = np.unique(np.concatenate(values), return_inverse=True)
    total = np.zeros(len(merged), dtype=np.int64)
    np.add.at(total, places.reshape(-1), np.concatenate(counts))
    return merged, total


def _merge_moments(parts: Sequence[NumberStatistics]) -> tuple[float, float]:
    """Mean and sum of squared distances of the union, pair by pair.

    Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances", Stanford
    STAN-CS-79-773, 1979, equation 2.1.
    """
    total, mean, m2 = 0, 0.0, 0.0
    for part in parts:
        if not part.present:
            continue
        joined = total + part.present
        distance = part.mean - mean
        m2 += part.m2 + distance * distance * (total / joined) * part.present
        mean += distance * (part.present / joined)
        total = joined
    return mean, m2
