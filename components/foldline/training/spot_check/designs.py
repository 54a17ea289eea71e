"""How an estimator sees features: numbers scaled, categories one-hot or as codes."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from foldline.artifacts import Layout

Features = dict[str, NDArray[Any]]
# Gives the matrices of the training rows and of the rows to be scored; what it learns, it learns from the former.
Design = Callable[[Layout, Features, Features], tuple[Any, Any]]

# Numbers are standardised; one further out would rule a distance or a linear model.
FURTHEST = 10.0
# Distances want few columns: of a category that has more values, only the most frequent ones get a column.
MOST_VALUES = 20


def one_hot(layout: Layout, training: Features, scored: Features) -> tuple[Any, Any]:
    """Numbers, and a column for each value of each category; sparse."""
    width = sum(feature.capacity for feature in layout.categorical)
    offsets = np.cumsum([0, *(feature.capacity for feature in layout.categorical)])[:-1]

    def design(features: Features) -> Any:
        parts = []
        if layout.numeric:
            parts.append(sparse.csr_array(_clipped(features).astype(np.float64)))
        if layout.categorical:
            codes = features["categorical"] + offsets
            rows, columns = codes.shape
            ends = np.arange(0, rows * columns + 1, columns)
            parts.append(sparse.csr_array((np.ones(rows * columns), codes.ravel(), ends), shape=(rows, width)))
        return sparse.hstack(parts, format="csr")

    return design(training), design(scored)


def frequent_one_hot(layout: Layout, training: Features, scored: Features) -> tuple[Any, Any]:
    """Numbers, and a column for each of the most frequent values of each category; dense."""
    kept = []
    for index, feature in enumerate(layout.categorical):
        counts = np.bincount(training["categorical"][:, index], minlength=feature.capacity)
        frequent = np.argsort(-counts, kind="stable")[:MOST_VALUES]
        kept.append(frequent[counts[frequent] > 0])

    def design(features: Features) -> NDArray[np.float32]:
        parts = [_clipped(features)] if layout.numeric else []
        parts += [features["categorical"][:, [index]] == values for index, values in enumerate(kept)]
        return np.concatenate(parts, axis=1, dtype=np.float32)

    return design(training), design(scored)


def codes(layout: Layout, training: Features, scored: Features) -> tuple[Any, Any]:
    """Numbers, then the code of each category; dense."""

    def design(features: Features) -> NDArray[np.float32]:
        return np.concatenate(
            [features[name] for name in ("numeric", "categorical") if name in features], axis=1
        ).astype(np.float32)

    return design(training), design(scored)


def _clipped(features: Features) -> NDArray[np.float32]:
    return np.clip(features["numeric"], -FURTHEST, FURTHEST)
