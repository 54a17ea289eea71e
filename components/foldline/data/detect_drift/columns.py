"""Shares of a column's values by period: bins from the reference's quantiles, or its most frequent categories."""

import itertools
from dataclasses import dataclass

import numpy as np

from foldline.data.detect_drift.distances import Floats
from foldline.data.detect_drift.periods import Ints, Pairs
from foldline.data.detect_drift.rows import Column

QUANTILE_BINS = 20
MOST_CATEGORIES = 50
OTHER, UNSEEN, MISSING = "other", "unseen", "missing"


@dataclass(frozen=True)
class Binned:
    """A column whose rows can be counted.

    Attributes:
        starts: first row of each period in `codes`; shape (n_periods + 1,).
        codes: bin of each row, or its category, missing last; shape (n_rows,).
        width: number of different codes that there can be.
        edges: upper ends of all bins but the last, of a numeric column; None of another.
        top: the categories that have a bin of their own, most frequent first; empty of a numeric column.
        names: of the bins, as `counts` has them.
    """

    name: str
    starts: Ints
    codes: Ints
    width: int
    edges: Floats | None
    top: Ints
    names: tuple[str, ...]

    @classmethod
    def of(cls, column: Column, starts: Ints, reference: int, *, keep_missing: bool) -> "Binned":
        """Bins of a column.

        Args:
            starts: first row of each period; shape (n_periods + 1,).
            reference: number of the first periods from which the bins are made.
            keep_missing: whether missing values are a bin; without, their rows are left out.
        """
        values = column.values
        if not keep_missing:
            there = ~column.missing
            starts, values = np.concatenate([[0], np.cumsum(there)])[starts], values[there]
        known = values[: starts[reference]]
        if column.numeric:
            edges = quantile_edges(known)
            return cls(
                name=column.name,
                starts=starts,
                codes=numeric_codes(values, edges),
                width=len(edges) + 2,
                edges=edges,
                top=np.empty(0, dtype=np.int64),
                names=(*_interval_names(edges), MISSING),
            )
        categories = len(column.categories)
        counts = np.bincount(known[known >= 0], minlength=categories)
        top = np.argsort(-counts, kind="stable")[:MOST_CATEGORIES]
        top = top[counts[top] > 0]
        return cls(
            name=column.name,
            starts=starts,
            codes=np.where(values < 0, categories, values),
            width=categories + 1,
            edges=None,
            top=top,
            names=(*(column.categories[code] for code in top), OTHER, UNSEEN, MISSING),
        )

    def rows(self, period: int) -> int:
        """Number of rows of a period."""
        return int(self.starts[period + 1] - self.starts[period])

    def counts(self, period: int, first: int, last: int, most: int) -> tuple[Ints, Ints]:
        """Counts of the bins in the first `most` rows of a period, and in all rows of a slice, the periods from `first`
        to before `last`; each of shape (n_bins,). What the slice has never shown is unseen."""
        begin = self.starts[period]
        ends = min(self.starts[period + 1], begin + most)
        one = np.bincount(self.codes[begin:ends], minlength=self.width)
        other = np.bincount(self.codes[self.starts[first] : self.starts[last]], minlength=self.width)
        if self.edges is not None:
            return one, other
        return self._merged(one, other), self._merged(other, other)

    def tables(self, pairs: Pairs, rows: int) -> tuple[Ints, Ints]:
        """Counts of all pairs, of periods cut to `rows` rows and of slices; each of shape (n_pairs, n_bins)."""
        found = [
            self.counts(int(period), first, last, rows)
            for period, (first, last) in zip(pairs.periods, pairs.slices(), strict=True)
        ]
        return np.stack([one for one, _ in found]), np.stack([other for _, other in found])

    def _merged(self, counts: Ints, known: Ints) -> Ints:
        seen = np.where(known[:-1] > 0, counts[:-1], 0)
        own = seen[self.top]
        return np.concatenate([own, [seen.sum() - own.sum(), counts[:-1].sum() - seen.sum(), counts[-1]]])


def quantile_edges(values: Floats) -> Floats:
    """Upper ends of the bins but the last: the quantiles of `values` (NaN left out) that divide them into
    `QUANTILE_BINS`, ties merged. Where there are no more different values, each has a bin of its own, and so has what
    is below or above all of them."""
    present = values[~np.isnan(values)]
    different = np.unique(present)
    if len(different) <= QUANTILE_BINS:
        return np.concatenate([np.nextafter(different[:1], -np.inf), different])
    inner = np.linspace(0.0, 1.0, QUANTILE_BINS + 1)[1:-1]
    return np.unique(np.quantile(present, inner, method="inverted_cdf"))


def numeric_codes(values: Floats, edges: Floats) -> Ints:
    """Bin of each value, the last one for those that are missing; shape (n_rows,)."""
    codes = np.searchsorted(edges, values, side="left").astype(np.int64)
    codes[np.isnan(values)] = len(edges) + 1
    return codes


def _interval_names(edges: Floats) -> list[str]:
    if not len(edges):
        return ["any"]
    texts = [f"{edge:.4g}" for edge in edges]
    inner = [f"{low} to {high}" for low, high in itertools.pairwise(texts)]
    return [f"up to {texts[0]}", *inner, f"above {texts[-1]}"]
