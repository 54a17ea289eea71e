"""Change of how columns go together, which none of them shows alone: a domain classifier.

Each value becomes a normal score among those of its own period (a category's indicator is standardised there), so that
nothing is left of how a single column moves. A linear discriminant on the products of all pairs of these, fitted on one
half of the rows and scored on the other, tells rows of a period from rows of the slice; its area under the ROC curve is
0.5 where columns go together as before.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.special import ndtri
from scipy.stats import rankdata

from foldline.data.detect_drift.distances import Floats
from foldline.data.detect_drift.periods import Ints, Pairs
from foldline.data.detect_drift.rows import Column

MOST_FEATURES = 20
MOST_ROWS = 2000
# An indicator of fewer rows, or of all but fewer, has no products to speak of.
_RAREST = 0.05
# Added to the products' variances, which are 1 of independent features.
_LEAST_VARIANCE = 0.01


@dataclass(frozen=True)
class _Moments:
    """Number of some rows, and sums of their features and of their squares; shape (n_products,)."""

    rows: int
    sums: Floats
    squares: Floats

    @classmethod
    def of(cls, features: Floats) -> "_Moments":
        return cls(len(features), features.sum(axis=0), (features**2).sum(axis=0))

    def __add__(self, other: "_Moments") -> "_Moments":
        return _Moments(self.rows + other.rows, self.sums + other.sums, self.squares + other.squares)

    @property
    def means(self) -> Floats:
        return self.sums / max(self.rows, 1)

    @property
    def variances(self) -> Floats:
        return self.squares / max(self.rows, 1) - self.means**2


@dataclass
class Joint:
    """Scores of the first rows of each period, at most `MOST_ROWS`.

    Attributes:
        scores: for each period, shape (its rows, n_features).
        pairs: features of each product; two arrays of shape (n_products,).
    """

    scores: list[Floats]
    products: tuple[Ints, Ints]
    _moments: dict[tuple[int, int, int], _Moments] = field(default_factory=dict)

    @classmethod
    def of(cls, columns: Sequence[Column], starts: Ints, reference: int) -> "Joint | None":
        """The scores of these columns; None where fewer than two can be told apart."""
        features = _features(columns, int(starts[reference]))
        origin = np.array([place for place, _ in features], dtype=np.int64)
        one, other = np.triu_indices(len(features), 1)
        apart = origin[one] != origin[other]
        if not apart.any():
            return None
        scores = [
            np.column_stack([_scored(columns[place], category, begin, end) for place, category in features])[:MOST_ROWS]
            for begin, end in itertools.pairwise(starts)
        ]
        return cls(scores, (one[apart], other[apart]))

    def areas(self, pairs: Pairs, rows: int) -> Floats:
        """Area under the ROC curve of the classifier of each pair, periods cut to `rows` rows; shape (n_pairs,)."""
        most = min(rows, MOST_ROWS)
        return np.array(
            [
                np.mean([self._area(int(period), first, last, half, most) for half in (0, 1)])
                for period, (first, last) in zip(pairs.periods, pairs.slices(), strict=True)
            ]
        )

    def _area(self, period: int, first: int, last: int, half: int, most: int) -> float:
        """Area on one half of the rows, by the classifier of the other half."""
        fitted = 1 - half
        of_slice = [self._half(earlier, fitted, most) for earlier in range(first, last)]
        weights = _discriminant(self._half(period, fitted, most), sum(of_slice[1:], of_slice[0]))
        matrix = np.zeros((self.scores[period].shape[1],) * 2)
        matrix[self.products] = weights
        each = most // (last - first) + 1
        others = np.concatenate([self.scores[earlier][half:most:2][:each] for earlier in range(first, last)])
        return area(_quadratic(self.scores[period][half:most:2], matrix), _quadratic(others, matrix))

    def _half(self, period: int, half: int, most: int) -> _Moments:
        key = (period, half, most)
        if key not in self._moments:
            scores = self.scores[period][half:most:2]
            self._moments[key] = _Moments.of(scores[:, self.products[0]] * scores[:, self.products[1]])
        return self._moments[key]


def area(one: Floats, other: Floats) -> float:
    """Probability that a value of `one` is above one of `other`, ties counted half; NaN where either is empty."""
    if not len(one) or not len(other):
        return float("nan")
    ranks = rankdata(np.concatenate([one, other]))
    return float((ranks[: len(one)].sum() - len(one) * (len(one) + 1) / 2.0) / (len(one) * len(other)))


def _discriminant(one: _Moments, other: _Moments) -> Floats:
    """Weights of the linear discriminant that takes the products for independent; shape (n_products,).

    With many products and few rows it does no worse than Fisher's (Bickel and Levina, "Some theory for Fisher's linear
    discriminant function, 'naive Bayes', and some alternatives when there are many more variables than observations",
    Bernoulli 10, 2004), and needs no covariance.
    """
    spread = (one.variances + other.variances) / 2.0
    return np.asarray((one.means - other.means) / (spread + _LEAST_VARIANCE), dtype=np.float64)


def _quadratic(scores: Floats, matrix: Floats) -> Floats:
    found: Floats = ((scores @ matrix) * scores).sum(axis=1)
    return found


def _features(columns: Sequence[Column], known: int) -> list[tuple[int, int]]:
    """Place of a column and category (-1 of a number) of each feature: numbers with the most different values first,
    then the most even categories."""
    numbers = [
        (-len(np.unique(column.values[:known])), place) for place, column in enumerate(columns) if column.numeric
    ]
    indicators = []
    for place, column in enumerate(columns):
        if not column.numeric:
            codes = column.values[:known]
            share = np.bincount(codes[codes >= 0], minlength=len(column.categories)) / max(known, 1)
            frequent = np.flatnonzero((share >= _RAREST) & (share <= 1.0 - _RAREST))
            indicators += [(abs(share[category] - 0.5), place, int(category)) for category in frequent]
    found = [(place, -1) for _, place in sorted(numbers)]
    found += [(place, category) for _, place, category in sorted(indicators)]
    return found[:MOST_FEATURES]


def _scored(column: Column, category: int, begin: int, end: int) -> Floats:
    values = column.values[begin:end]
    if column.numeric:
        scores = np.zeros(len(values))
        there = ~np.isnan(values)
        if there.any():
            scores[there] = ndtri(rankdata(values[there]) / (there.sum() + 1.0))
    else:
        scores = np.where(values == category, 1.0, 0.0)
    spread = scores.std() if end > begin else 0.0
    if not spread:
        return np.zeros(len(values))
    found: Floats = (scores - scores.mean()) / spread
    return found
