"""How an error falls with the number of training rows, and what twice as many would gain."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

EXPONENTS = np.linspace(0.05, 2.0, 79)
DRAWS = 2000
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Doubling:
    """What a power law says of twice the training rows.

    Attributes:
        floor, amount, exponent: the law: error = floor + amount * rows ** -exponent.
        rows: training rows now.
        now, then: the law's error with these and with twice as many rows.
        gain: the difference, not below 0; `lower` and `upper` are the ends of its 95 % interval.
    """

    floor: float
    amount: float
    exponent: float
    rows: float
    now: float
    then: float
    lower: float
    upper: float

    @property
    def gain(self) -> float:
        return self.now - self.then

    def at(self, rows: Array) -> Array:
        """The law's error with so many rows."""
        return self.floor + self.amount * rows**-self.exponent


def doubling(rows: Array, errors: Array, test_ratio: float, seed: int) -> Doubling:
    """Fit a power law to the mean errors, with an interval of what it says of twice the most rows.

    The form is that of Hestness et al., "Deep learning scaling is predictable, empirically", arXiv:1712.00409 (2017),
    with an amount that is not negative and an exponent from 0.05 to 2. The interval comes from laws that are fitted to
    mean errors drawn anew: from the t distribution whose covariance is that of the folds' curves, times (1 / folds +
    test_ratio) as Nadeau and Bengio correct it. That the true curve may be no power law is not in it.

    Args:
        rows: shape (n_sizes,): numbers of training rows, increasing.
        errors: shape (n_folds, n_sizes), not negative; at least two folds.
        test_ratio: scored rows over training rows of a fold.
    """
    mean = errors.mean(axis=0)
    folds = len(errors)
    random = np.random.default_rng(seed)
    scale = np.sqrt((1.0 / folds + test_ratio) / (folds - 1))
    wide = np.sqrt((folds - 1) / random.chisquare(folds - 1, DRAWS))
    drawn = mean + scale * wide[:, None] * (random.normal(size=(DRAWS, folds)) @ (errors - mean))
    floor, amount, exponent = _fit(rows, np.concatenate([mean[None], drawn]))
    now, then = (floor + amount * most**-exponent for most in (rows[-1], 2.0 * rows[-1]))
    tail = (1.0 - CONFIDENCE) / 2.0
    lower, upper = np.quantile((now - then)[1:], [tail, 1.0 - tail])
    return Doubling(
        float(floor[0]),
        float(amount[0]),
        float(exponent[0]),
        float(rows[-1]),
        float(now[0]),
        float(then[0]),
        float(lower),
        float(upper),
    )


def _fit(rows: Array, curves: Array) -> tuple[Array, Array, Array]:
    """Floor, amount and exponent with the least squares for each of `curves`, shape (n_curves, n_sizes)."""
    best = np.full(len(curves), np.inf)
    found = np.zeros((3, len(curves)))
    level = curves.mean(axis=1)
    for exponent in EXPONENTS:
        # In units of the largest size, so that amounts and floors are alike.
        power = (rows / rows[-1]) ** -exponent
        centred = power - power.mean()
        amount = np.maximum(curves @ centred / (centred @ centred), 0.0)
        floor = level - amount * power.mean()
        squares = np.square(curves - floor[:, None] - amount[:, None] * power).sum(axis=1)
        better = squares < best
        best[better] = squares[better]
        found[:, better] = np.array([floor, amount * rows[-1] ** exponent, np.full(len(curves), exponent)])[:, better]
    return found[0], found[1], found[2]
