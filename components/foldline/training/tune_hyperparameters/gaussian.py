"""Bayesian optimisation with scikit-learn's Gaussian process.

The next point is the one with the largest expected improvement (Jones, Schonlau and Welch, "Efficient global
optimization of expensive black-box functions", 1998) over the lowest prediction at a point that is known, since scores
are noisy. Points that are being trained count with their prediction, so that those proposed beside each other differ
("kriging believer": Ginsbourger, Le Riche and Carraro, "Kriging is well-suited to parallelize optimization", 2010).
"""

import warnings
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

from foldline.training.search import fields
from foldline.training.search.parameters import Choice, Parameter
from foldline.training.search.space import Space
from foldline.training.tune_hyperparameters.cube import coordinates, number_at

ANYWHERE, NEARBY = 1000, 500
# Of the ends of a range: how far points near a good one lie from it.
_SPREAD = 0.1
_GOOD = 5


def most_promising(
    space: Space,
    ended: Sequence[tuple[Mapping[str, Any], float]],
    training: Sequence[Mapping[str, Any]],
    taken: Collection[str],
    seed: int,
) -> dict[str, Any] | None:
    """The point to try next; None where every candidate has been tried.

    Args:
        space: without conditions.
        ended: at least two points and their values; lower is better, infinite for one that failed.
        training: points whose values are not known yet.
        taken: texts of all points that have been proposed.
    """
    random = np.random.default_rng(seed)
    parameters = list(space)
    finite = [value for _, value in ended if np.isfinite(value)]
    # A trial that failed is as bad as the worst that did not.
    worst = max(finite, default=0.0)
    values = np.array([value if np.isfinite(value) else worst for _, value in ended])
    known = np.stack([coordinates(parameters, point) for point, _ in ended])
    model = _fitted(known, values, seed)
    if training:
        beside = np.stack([coordinates(parameters, point) for point in training])
        values = np.concatenate([values, model.predict(beside)])
        known = np.concatenate([known, beside])
        model = GaussianProcessRegressor(model.kernel_, optimizer=None, normalize_y=True).fit(known, values)
    best = [ended[index][0] for index in np.argsort([value for _, value in ended], kind="stable")[:_GOOD]]
    candidates = [_anywhere(parameters, random) for _ in range(ANYWHERE)]
    candidates += [_near(parameters, best[index % len(best)], random) for index in range(NEARBY)]
    untried = [point for point in candidates if fields.text_of(point) not in taken]
    if not untried:
        return None
    mean, deviation = model.predict(np.stack([coordinates(parameters, point) for point in untried]), return_std=True)
    better = model.predict(known).min() - mean
    with np.errstate(divide="ignore", invalid="ignore"):
        z = better / deviation
    gain = np.where(deviation > 0.0, better * norm.cdf(z) + deviation * norm.pdf(z), np.maximum(better, 0.0))
    return untried[int(np.argmax(gain))]


def _fitted(known: NDArray[np.float64], values: NDArray[np.float64], seed: int) -> GaussianProcessRegressor:
    lengths = Matern(np.full(known.shape[1], 0.5), (0.05, 20.0), nu=2.5)
    kernel = ConstantKernel(1.0, (0.05, 20.0)) * lengths + WhiteKernel(0.01, (1e-6, 1.0))
    model = GaussianProcessRegressor(kernel, normalize_y=True, n_restarts_optimizer=1, random_state=seed)
    with warnings.catch_warnings():
        # Of a length at the end of its range, which an axis that does not matter has.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(known, values)


def _anywhere(parameters: Sequence[Parameter], random: np.random.Generator) -> dict[str, Any]:
    return {
        one.name: one.options[random.integers(len(one.options))]
        if isinstance(one, Choice)
        else number_at(one, random.random())
        for one in parameters
    }


def _near(parameters: Sequence[Parameter], point: Mapping[str, Any], random: np.random.Generator) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for one in parameters:
        if isinstance(one, Choice):
            other = random.random() < _SPREAD
            found[one.name] = one.options[random.integers(len(one.options))] if other else point[one.name]
        else:
            (at,) = coordinates([one], point)
            found[one.name] = number_at(one, float(np.clip(at + _SPREAD * random.normal(), 0.0, 1.0)))
    return found
