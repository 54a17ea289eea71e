"""What is fitted of words: the vocabulary, and the numbers that stand for its indices."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from foldline.features.kinds import Categorical
from foldline.features.statistics import ColumnStatistics, TimeStatistics
from foldline.features.words import WordStatistics


@dataclass(frozen=True)
class FittedValues:
    """The numbers that stand for each index of a categorical column.

    Attributes:
        table: shape (capacity, width): for rows that the transform was not fitted on.
        without: for the rows of each training fold, the same fitted on the other training folds; empty where labels
            have no part in it.
    """

    table: NDArray[np.float64]
    without: Mapping[int, NDArray[np.float64]]


def fit_vocabulary(feature: Categorical, found: ColumnStatistics) -> tuple[str, ...]:
    """Words by frequency, equally frequent ones in the order of their bytes."""
    given = _as_words(found)
    # The vocabulary is a file of lines, so a word with a line break cannot be in it.
    usable = (given.counts >= feature.minimum_count) & ~_has_line_break(given.words)
    words, counts = given.words.filter(pa.array(usable)), given.counts[usable]
    by_bytes = pc.sort_indices(words).to_numpy()
    order = by_bytes[np.argsort(-counts[by_bytes], kind="stable")][: feature.capacity - feature.reserved]
    return tuple(words.take(pa.array(order)).to_pylist())


def fit_values(
    feature: Categorical,
    vocabulary: tuple[str, ...],
    found: ColumnStatistics,
    without: Mapping[int, ColumnStatistics],
) -> FittedValues:
    """The numbers of a column encoded by `frequency` or `target_mean`, scaled over the training rows.

    The smoothed mean is that of scikit-learn's `TargetEncoder` with a number for `smooth`: the label's mean over the
    rows of an index, drawn towards the mean over all rows as if `smoothing` more rows had it.

    Args:
        found: of all training rows.
        without: of the training rows without each of the training folds; where there are none, means of labels cannot
            be told without a row's own label, and are zeros.
    """
    counts, _ = _by_index(feature, vocabulary, _as_words(found))
    if feature.encoding == "frequency":
        table, others = counts[:, None] / max(found.rows, 1), {}
    else:
        table = _means(feature, vocabulary, _as_words(found))
        others = {fold: _means(feature, vocabulary, _as_words(part)) for fold, part in without.items()}
        if not others:
            return FittedValues(np.zeros_like(table), {})
    center, factor = np.zeros(table.shape[1]), np.ones(table.shape[1])
    if found.rows:
        mean = np.average(table, axis=0, weights=counts)
        deviation = np.sqrt(np.average(np.square(table - mean), axis=0, weights=counts))
        seen = table[counts > 0]
        varies = (seen.max(axis=0) > seen.min(axis=0)) & (deviation > 0)
        if feature.scale == "z_score":
            center, factor = mean, 1 / np.where(varies, deviation, 1.0)
        factor = np.where(varies, factor, 0.0)
    scaled = {fold: (other - center) * factor for fold, other in others.items()}
    return FittedValues((table - center) * factor, scaled)


def _means(feature: Categorical, vocabulary: tuple[str, ...], found: WordStatistics) -> NDArray[np.float64]:
    counts, sums = _by_index(feature, vocabulary, found)
    overall = sums.sum(axis=0) / max(found.rows, 1)
    smoothing = feature.smoothing or 0.0
    weight = counts[:, None] + smoothing
    smoothed = (sums + smoothing * overall) / np.where(weight > 0, weight, 1.0)
    means: NDArray[np.float64] = np.where(weight > 0, smoothed, overall)
    return means


def _by_index(
    feature: Categorical, vocabulary: tuple[str, ...], found: WordStatistics
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How many rows have each index, shape (capacity,), and the sums of their labels, shape (capacity, outputs)."""
    counts = np.zeros(feature.capacity)
    sums = np.zeros((feature.capacity, len(found.missing_label_sums)))
    places = pc.index_in(found.words, pa.array(vocabulary, pa.string())).fill_null(-1)
    index = places.to_numpy(zero_copy_only=False).astype(np.int64) + feature.reserved
    np.add.at(counts, index, found.counts)
    np.add.at(sums, index, found.label_sums)
    counts[0], sums[0] = found.missing, found.missing_label_sums
    return counts, sums


def _as_words(found: ColumnStatistics) -> WordStatistics:
    if isinstance(found, WordStatistics):
        return found
    if isinstance(found, TimeStatistics):
        raise TypeError("times have no vocabulary")
    words = pa.array(found.values).cast(pa.string())
    nothing = np.zeros((len(words), 0))
    return WordStatistics(found.rows, found.missing, words, found.counts, nothing, nothing.sum(axis=0))


def _has_line_break(words: pa.StringArray) -> NDArray[np.bool_]:
    return np.asarray(pc.match_substring_regex(words, "[\\r\\n]").to_numpy(zero_copy_only=False), dtype=bool)
