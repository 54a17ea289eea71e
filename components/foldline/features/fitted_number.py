"""What is fitted of numbers: how they are filled, clipped and scaled, and where their buckets end."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foldline.features.kinds import Bucketized, Numeric
from foldline.features.statistics import NumberStatistics


@dataclass(frozen=True)
class FittedNumber:
    """A numeric or boolean column: `(shaped - center) * factor`, where `shaped` is `clip(filled, low, high)`, or the
    logarithm of 1 + that; factor 0 where the rows do not vary. `fill` is NaN where missing values stay."""

    fill: float
    low: float
    high: float
    log1p: bool
    center: float
    factor: float


def fit_number(feature: Numeric, found: NumberStatistics) -> FittedNumber:
    """What the graph holds of a numeric column."""
    if not found.present:
        return FittedNumber(0.0, 0.0, 0.0, False, 0.0, 0.0)
    low, high, clipped = -np.inf, np.inf, False
    if feature.clip is not None:
        # Nearly all values alike: clipping would leave nothing of the others, so the whole range stays.
        bounds = found.quantile(feature.clip[0]), found.quantile(feature.clip[1])
        clipped = bounds[0] < bounds[1]
        low, high = bounds if clipped else (float(found.values[0]), float(found.values[-1]))
    if feature.log1p:
        low = max(low, 0.0)
    fill = {
        "median": found.quantile(0.5),
        "mean": found.mean,
        "constant": feature.fill_value or 0.0,
        "none": np.nan,
    }[feature.impute]

    def shaped(values: Any) -> Any:
        inside = np.clip(np.asarray(values, dtype=np.float64), low, high)
        return np.log1p(inside) if feature.log1p else inside

    if len(found.values) == 1:
        center, factor = 0.0, 0.0
    elif feature.scale == "z_score":
        center, deviation = found.mean, float(np.sqrt(found.m2 / found.present))
        if clipped or feature.log1p:
            center, deviation = _moments(shaped(found.values), found.counts)
        factor = _inverse(deviation)
    elif feature.scale == "min_max":
        center = float(shaped(found.values[0]))
        factor = _inverse(float(shaped(found.values[-1])) - center)
    elif feature.scale == "robust":
        lower, center, upper = (float(shaped(found.quantile(fraction))) for fraction in (0.25, 0.5, 0.75))
        # Half of the values alike: the others keep their scale.
        factor = _inverse(upper - lower) or 1.0
    else:
        center, factor = 0.0, 1.0
    return FittedNumber(fill, float(low), float(high), feature.log1p, center, factor)


def fit_edges(feature: Bucketized, found: NumberStatistics) -> tuple[float, ...]:
    """The inner bounds of a column's buckets, as the graph sees numbers: those of float64 columns of 32 bits."""
    if feature.edges is not None:
        whole = found.values.dtype == np.int64
        return feature.edges if whole else tuple(float(np.float32(edge)) for edge in feature.edges)
    if not found.present or feature.quantile_buckets is None:
        return ()
    return tuple(found.quantile(place / feature.quantile_buckets) for place in range(1, feature.quantile_buckets))


def _moments(values: NDArray[np.float64], counts: NDArray[np.int64]) -> tuple[float, float]:
    """Mean and standard deviation of values that occur so often."""
    mean = float(np.average(values, weights=counts))
    return mean, float(np.sqrt(np.average(np.square(values - mean), weights=counts)))


def _inverse(length: float) -> float:
    return 1.0 / length if length > 0 else 0.0
