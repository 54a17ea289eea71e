"""Figures over periods as numbers that are large where things are bad."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from foldline.operations.monitor_predictions.findings import Family, Observed, family
from foldline.operations.monitor_predictions.natural import LEAST_NULLS, LEAST_SLICE, Floats, chain
from foldline.operations.monitor_predictions.policy import Policy

RISE, FALL, EITHER = 1, -1, 0


@dataclass(frozen=True)
class Kind:
    """A figure that is watched.

    Attributes:
        bad: `RISE`, `FALL` or `EITHER`.
        is_ratio: whether it changes by factors (its logarithm is looked at) rather than by amounts.
        floor: the least change that counts: a factor above 1 of a ratio, else an amount.
    """

    name: str
    bad: int
    is_ratio: bool
    floor: float


@dataclass(frozen=True)
class Period:
    """A period that is judged, and those before it.

    Attributes:
        values: shape (n_kinds,). NaN of what it lacks.
        earlier: of earlier periods, the oldest first; shape (n_periods, n_kinds).
        lag: periods from the last of `earlier` to it, at least 1.
        resolution: noise of sampling, of the logarithm where the figure is a ratio; shape (n_kinds,).
    """

    values: Floats
    earlier: Floats
    lag: int
    resolution: Floats


def judge_series(name: str, kinds: Sequence[Kind], newest: Sequence[Period], policy: Policy) -> Family:
    """Judge the newest periods, the oldest first."""
    if len(newest) < policy.alarms:
        return Family.unjudged(
            name, f"{policy.alarms} periods of at least {policy.minimum_rows} rows are needed, there are {len(newest)}"
        )
    observed = [_observed(kinds, period) for period in newest]
    least = min((len(one.nulls) for one in observed if one is not None), default=0)
    if None in observed or least < LEAST_NULLS:
        return Family.unjudged(
            name,
            f"{LEAST_NULLS} earlier periods are needed, each with {LEAST_SLICE} before it that it is held against, and "
            f"at least {policy.minimum_rows} rows; there are {least}",
        )
    return family(
        name,
        [kind.name for kind in kinds],
        [one for one in observed if one is not None],
        alpha=policy.alpha,
        alarms=policy.alarms,
        value_at=_value_at(kinds),
    )


def _observed(kinds: Sequence[Kind], period: Period) -> Observed | None:
    how = chain(len(period.earlier), period.lag)
    if how is None:
        return None
    ratio, bad = np.array([kind.is_ratio for kind in kinds]), np.array([kind.bad for kind in kinds])
    floor = np.array([np.log(kind.floor) if kind.is_ratio else kind.floor for kind in kinds])
    above, slice_mean = how.against_slices(_scaled(period.earlier, ratio))
    number = _oriented(_scaled(period.values, ratio) - slice_mean, bad)
    return Observed(
        number=np.where(np.isfinite(above).any(axis=0), number, np.nan),
        value=period.values,
        usual=np.where(ratio, np.exp(slice_mean), slice_mean),
        least=floor,
        nulls=_oriented(above, bad)[np.isfinite(above).any(axis=1)],
        resolution=period.resolution,
    )


def _value_at(kinds: Sequence[Kind]) -> Callable[[Floats, Observed], Floats]:
    ratio, bad = np.array([kind.is_ratio for kind in kinds]), np.array([kind.bad for kind in kinds])

    def value_at(number: Floats, last: Observed) -> Floats:
        """On the side of what is usual where the value lies, of what is bad on either."""
        with np.errstate(invalid="ignore", over="ignore"):
            side = np.where(bad == EITHER, np.where(last.value < last.usual, -1.0, 1.0), bad)
            value: Floats = np.where(ratio, last.usual * np.exp(side * number), last.usual + side * number)
        return value

    return value_at


def _scaled(values: Floats, ratio: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        scaled: Floats = np.where(ratio, np.log(values), values)
    return np.where(np.isfinite(scaled), scaled, np.nan)


def _oriented(off: Floats, bad: Floats) -> Floats:
    oriented: Floats = np.where(bad == EITHER, np.abs(off), bad * off)
    return oriented
