"""From a specification and the statistics of a fold's training rows to the numbers that its graph holds."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from foldline.features.fitted_number import FittedNumber, fit_edges, fit_number
from foldline.features.fitted_words import FittedValues, fit_values, fit_vocabulary
from foldline.features.kinds import ENCODINGS, Boolean, Bucketized, Categorical, Datetime, Hashed, Numeric
from foldline.features.specification import Specification
from foldline.features.statistics import NumberStatistics, TableStatistics, TimeStatistics


@dataclass(frozen=True)
class Fitted:
    """What a graph holds, column by column in the specification's order.

    Attributes:
        numbers: numeric and boolean columns.
        edges: inner bounds of the buckets of each bucketized column, in increasing order; none where the training
            rows have no values.
        indicators: columns with a missing indicator; false where the training rows have all or none missing: such an
            indicator is zeros, since nothing can be learned from it.
        times: datetime columns; false where no training row has a value: their parts are zeros.
        vocabularies: words of each categorical column, in the order of their indices, which begin after those for
            missing and unknown words.
        values: categorical columns of which numbers stand for the indices.
    """

    numbers: Mapping[str, FittedNumber]
    edges: Mapping[str, tuple[float, ...]]
    indicators: Mapping[str, bool]
    times: Mapping[str, bool]
    vocabularies: Mapping[str, tuple[str, ...]]
    values: Mapping[str, FittedValues]


def fit(
    specification: Specification,
    statistics: TableStatistics,
    without: Mapping[int, TableStatistics] = MappingProxyType({}),
) -> Fitted:
    """The fitted numbers of the training rows that `statistics` describe.

    Args:
        without: statistics of the training rows without each of their folds, of the columns that need labels.
    """
    numbers, edges, indicators, times, vocabularies, values = {}, {}, {}, {}, {}, {}
    for name, feature in specification.features.items():
        if isinstance(feature, Hashed):
            continue
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
            vocabularies[name] = fit_vocabulary(feature, found)
            if feature.encoding not in ENCODINGS:
                others = {fold: part[name] for fold, part in without.items() if feature.encoding == "target_mean"}
                values[name] = fit_values(feature, vocabularies[name], found, others)
        if isinstance(feature, (Numeric, Boolean, Datetime)) and feature.missing_indicator:
            indicators[name] = 0 < found.missing < found.rows
    return Fitted(numbers, edges, indicators, times, vocabularies, values)
