"""From a specification and the statistics of a fold's training rows to the numbers that its graph holds."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from foldline.features.fitted_number import FittedNumber, fit_edges, fit_number
from foldline.features.kinds import RESERVED, Boolean, Bucketized, Categorical, Datetime, Numeric
from foldline.features.specification import Specification
from foldline.features.statistics import (
    ColumnStatistics,
    NumberStatistics,
    TableStatistics,
    TimeStatistics,
    WordStatistics,
)


@dataclass(frozen=True)
class Fitted:
    """What a graph holds, column by column in the specification's order.

    Attributes:
        numbers: numeric and boolean columns.
        edges: inner bounds of the buckets of each bucketized column, in increasing order; none where the training
            rows have no values.
        indicators: columns with a missing indicator; false where the training rows have all or none missing: such an
            indicator is zeros, since nothing can be learned from it.
        times: datetime columns; false where no training row has a value: the sines and cosines are zeros.
        vocabularies: words of each categorical column, those of index 2, 3, …
    """

    numbers: Mapping[str, FittedNumber]
    edges: Mapping[str, tuple[float, ...]]
    indicators: Mapping[str, bool]
    times: Mapping[str, bool]
    vocabularies: Mapping[str, tuple[str, ...]]


def fit(specification: Specification, statistics: TableStatistics) -> Fitted:
    """The fitted numbers of the training rows that `statistics` describe."""
    numbers, edges, indicators, times, vocabularies = {}, {}, {}, {}, {}
    for name, feature in specification.features.items():
        found = statistics[name]
        if isinstance(feature, Numeric) and isinstance(found, NumberStatistics):
            numbers[name] = fit_number(feature, found)
        elif isinstance(feature, Boolean) and isinstance(found, NumberStatistics):
            numbers[name] = FittedNumber(0.0, 0.0, 1.0, False, 0.0, 1.0 if found.present else 0.0)
        elif isinstance(feature, Bucketized) and isinstance(found, NumberStatistics):
            edges[name] = fit_edges(feature, found)
        elif isinstance(feature, Datetime) and isinstance(found, TimeStatistics):
            times[name] = found.present > 0
        elif isinstance(feature, Categorical):
            vocabularies[name] = _vocabulary(feature, found)
        if isinstance(feature, (Numeric, Boolean, Datetime)) and feature.missing_indicator:
            indicators[name] = 0 < found.missing < found.rows
    return Fitted(numbers, edges, indicators, times, vocabularies)


def _vocabulary(feature: Categorical, found: ColumnStatistics) -> tuple[str, ...]:
    if isinstance(found, TimeStatistics):
        raise TypeError("times have no vocabulary")
    words = found.words if isinstance(found, WordStatistics) else pa.array(found.values).cast(pa.string())
    # The vocabulary is a file of lines, so a word with a line break cannot be in it.
    usable = (found.counts >= feature.minimum_count) & ~_has_line_break(words)
    words, counts = words.filter(pa.array(usable)), found.counts[usable]
    by_bytes = pc.sort_indices(words).to_numpy()
    order = by_bytes[np.argsort(-counts[by_bytes], kind="stable")][: feature.capacity - RESERVED]
    return tuple(words.take(pa.array(order)).to_pylist())


def _has_line_break(words: pa.StringArray) -> NDArray[np.bool_]:
    return np.asarray(pc.match_substring_regex(words, "[\\r\\n]").to_numpy(zero_copy_only=False), dtype=bool)
