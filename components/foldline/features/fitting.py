"""From a specification and the statistics of a fold's training rows to the numbers that its graph holds."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from foldline.artifacts.transform import CategoricalFeature, Layout
from foldline.features.kinds import RESERVED, Boolean, Categorical, Datetime, Numeric
from foldline.features.specification import Specification
from foldline.features.statistics import (
    ColumnStatistics,
    NumberStatistics,
    TableStatistics,
    TimeStatistics,
    WordStatistics,
)


@dataclass(frozen=True)
class FittedNumber:
    """A numeric or boolean column: `(clip(filled, low, high) - center) * factor`; factor 0 where the rows
    do not vary."""

    fill: float
    low: float
    high: float
    center: float
    factor: float


@dataclass(frozen=True)
class Fitted:
    """What a graph holds, column by column in the specification's order.

    Attributes:
        numbers: numeric and boolean columns.
        indicators: columns with a missing indicator; false where the training rows have all or none missing: such an
            indicator is zeros, since nothing can be learned from it.
        times: datetime columns; false where no training row has a value: the sines and cosines are zeros.
        vocabularies: words of each categorical column, those of index 2, 3, …
    """

    numbers: Mapping[str, FittedNumber]
    indicators: Mapping[str, bool]
    times: Mapping[str, bool]
    vocabularies: Mapping[str, tuple[str, ...]]


def fit(specification: Specification, statistics: TableStatistics) -> Fitted:
    """The fitted numbers of the training rows that `statistics` describe."""
    numbers, indicators, times, vocabularies = {}, {}, {}, {}
    for name, feature in specification.features.items():
        found = statistics[name]
        if isinstance(feature, Numeric) and isinstance(found, NumberStatistics):
            numbers[name] = _fit_number(feature, found)
        elif isinstance(feature, Boolean) and isinstance(found, NumberStatistics):
            numbers[name] = FittedNumber(0.0, 0.0, 1.0, 0.0, 1.0 if found.present else 0.0)
        elif isinstance(feature, Datetime) and isinstance(found, TimeStatistics):
            times[name] = found.present > 0
        elif isinstance(feature, Categorical):
            vocabularies[name] = _vocabulary(feature, found)
        if isinstance(feature, (Numeric, Boolean, Datetime)) and feature.missing_indicator:
            indicators[name] = 0 < found.missing < found.rows
    return Fitted(numbers, indicators, times, vocabularies)


def layout(specification: Specification) -> Layout:
    """Names and widths of the graph's outputs, which depend on the specification alone: numbers, then indicators (with
    `_missing` after the column's name), then sines and cosines of times."""
    features = specification.features
    numeric = [name for name, feature in features.items() if isinstance(feature, (Numeric, Boolean))]
    numeric += [f"{name}_missing" for name in indicator_columns(specification)]
    for name, feature in features.items():
        if isinstance(feature, Datetime):
            numeric += [f"{name}_{part}_{wave}" for part in feature.parts for wave in ("sin", "cos")]
    categorical = [
        CategoricalFeature(name, feature.capacity)
        for name, feature in features.items()
        if isinstance(feature, Categorical)
    ]
    return Layout(tuple(numeric), tuple(categorical))


def indicator_columns(specification: Specification) -> list[str]:
    """The columns that have a missing indicator."""
    with_indicator = (Numeric, Boolean, Datetime)
    return [
        name
        for name, feature in specification.features.items()
        if isinstance(feature, with_indicator) and feature.missing_indicator
    ]


def _fit_number(feature: Numeric, found: NumberStatistics) -> FittedNumber:
    if not found.present:
        return FittedNumber(0.0, 0.0, 0.0, 0.0, 0.0)
    low, high = float(found.values[0]), float(found.values[-1])
    mean, deviation = found.mean, float(np.sqrt(found.m2 / found.present))
    if feature.clip is None:
        low, high = -np.inf, np.inf
    else:
        # Nearly all values alike: clipping would leave nothing of the others, so the whole range stays.
        bounds = found.quantile(feature.clip[0]), found.quantile(feature.clip[1])
        if bounds[0] < bounds[1]:
            low, high = bounds
            mean, deviation = _clipped_moments(found, low, high)
    fill = found.quantile(0.5) if feature.impute == "median" else found.mean
    if len(found.values) == 1:
        return FittedNumber(fill, low, high, 0.0, 0.0)
    if feature.scale == "none":
        return FittedNumber(fill, low, high, 0.0, 1.0)
    return FittedNumber(fill, low, high, mean, 1.0 / deviation if deviation > 0 else 0.0)


def _clipped_moments(found: NumberStatistics, low: float, high: float) -> tuple[float, float]:
    """Mean and standard deviation of the present values after clipping."""
    clipped = np.clip(found.values.astype(np.float64), low, high)
    mean = float(np.average(clipped, weights=found.counts))
    return mean, float(np.sqrt(np.average(np.square(clipped - mean), weights=found.counts)))


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
