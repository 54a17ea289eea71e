"""What proposes points: Optuna's samplers, a grid, and CMA-ES replayed from the trials that have ended."""

import hashlib
import random
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import optuna
from cmaes import CMA
from numpy.typing import NDArray

from foldline.training.search import fields
from foldline.training.search.conduct import CMAES, GRID, MULTIVARIATE_TPE, SOBOL, TPE
from foldline.training.search.definition import Definition
from foldline.training.search.parameters import Choice, Float, Int, Parameter
from foldline.training.search.space import Space

# Optuna's default of TPE.
CANDIDATES = 24
LEAST_STARTUP = 5
# Of the unit cube: what covers it in the first generation.
FIRST_SIGMA = 0.3


def seed_of(definition: Definition, number: int) -> int:
    """The seed by which trial `number` is proposed: a sampler that is made anew with one seed repeats its points."""
    digest = hashlib.sha256(f"{definition.seed} {number}".encode()).digest()
    return int.from_bytes(digest[:4], "little") % 2**31


def sampler_of(definition: Definition, number: int) -> optuna.samplers.BaseSampler:
    """A new sampler that proposes trial `number`."""
    seed = seed_of(definition, number)
    name, settings = definition.algorithm.name, definition.algorithm.settings
    if name in (TPE, MULTIVARIATE_TPE):
        several = name == MULTIVARIATE_TPE
        return optuna.samplers.TPESampler(
            n_startup_trials=settings.get("startup_trials", max(definition.budget.parallel_trials, LEAST_STARTUP)),
            n_ei_candidates=settings.get("candidates", CANDIDATES),
            multivariate=several,
            group=several and bool(definition.space.conditional),
            seed=seed,
        )
    if name == SOBOL:
        # One sequence: its place in it is in the journal.
        return optuna.samplers.QMCSampler(
            qmc_type="sobol", scramble=True, seed=seed_of(definition, 0),
            independent_sampler=optuna.samplers.RandomSampler(seed=seed), warn_independent_sampling=False,
        )  # fmt: skip
    return optuna.samplers.RandomSampler(seed=seed)


def proposed(
    definition: Definition, number: int, ended: Sequence[tuple[Mapping[str, Any], float]], taken: Collection[str]
) -> dict[str, Any] | None:
    """The point of trial `number` where no sampler of Optuna proposes it; None where one does.

    Args:
        ended: points and values of the trials that have ended, in their order; lower is better.
        taken: texts of the points that have been proposed.
    """
    if definition.algorithm.name == GRID:
        points = list(definition.space.points())
        random.Random(definition.seed).shuffle(points)
        return next((point for point in points if fields.text_of(point) not in taken), None)
    if definition.algorithm.name == CMAES:
        return _evolved(definition, number, ended)
    return None


def suggested(trial: optuna.Trial, space: Space) -> dict[str, Any]:
    """The trial's point, as its sampler proposes it or as it was given."""
    point: dict[str, Any] = {}
    for parameter in space:
        if not space.has(parameter, point):
            continue
        name = parameter.name
        if isinstance(parameter, Choice):
            texts = [fields.text_of(option) for option in parameter.options]
            point[name] = parameter.options[texts.index(trial.suggest_categorical(name, texts))]
        elif isinstance(parameter, Int):
            point[name] = trial.suggest_int(name, parameter.low, parameter.high, step=parameter.step, log=parameter.log)
        else:
            value = trial.suggest_float(
                name, parameter.low, parameter.high, step=parameter.step or None, log=parameter.log
            )
            point[name] = float(f"{value:.12g}") if parameter.step else value
    return point


def _evolved(definition: Definition, number: int, ended: Sequence[tuple[Mapping[str, Any], float]]) -> dict[str, Any]:
    """CMA-ES (Hansen, "The CMA evolution strategy: a tutorial", 2016) on the unit cube, its generations told again.

    Nothing but the trials has to be kept, and what trial `number` is depends on those that have ended only.
    """
    parameters = list(definition.space)
    optimizer = CMA(
        mean=np.full(len(parameters), 0.5),
        sigma=definition.algorithm.settings.get("sigma", FIRST_SIGMA),
        bounds=np.tile([0.0, 1.0], (len(parameters), 1)),
        seed=definition.seed,
    )
    size = optimizer.population_size
    for first in range(0, len(ended) - size + 1, size):
        told = [(_to_unit(parameters, point), value) for point, value in ended[first : first + size]]
        # A trial that failed is as bad as the worst that did not.
        worst = max((value for _, value in told if np.isfinite(value)), default=0.0)
        optimizer.tell([(place, value if np.isfinite(value) else worst) for place, value in told])
    optimizer.reseed_rng(seed_of(definition, number))
    place = optimizer.ask()
    return {parameter.name: _from_unit(parameter, float(at)) for parameter, at in zip(parameters, place, strict=True)}


def _scaled(parameter: Parameter, value: float) -> float:
    return float(np.log(value)) if getattr(parameter, "log", False) else float(value)


def _to_unit(parameters: Sequence[Parameter], point: Mapping[str, Any]) -> NDArray[np.float64]:
    found = []
    for parameter in parameters:
        assert not isinstance(parameter, Choice)
        low, high = _scaled(parameter, parameter.low), _scaled(parameter, parameter.high)
        found.append((_scaled(parameter, point[parameter.name]) - low) / (high - low))
    return np.array(found)


def _from_unit(parameter: Parameter, at: float) -> float | int:
    assert not isinstance(parameter, Choice)
    low, high = _scaled(parameter, parameter.low), _scaled(parameter, parameter.high)
    value = low + at * (high - low)
    value = float(np.exp(value)) if parameter.log else value
    if parameter.step:
        value = parameter.low + parameter.step * round((value - parameter.low) / parameter.step)
    value = min(max(value, parameter.low), parameter.high)
    if isinstance(parameter, Int):
        return round(value)
    assert isinstance(parameter, Float)
    return float(f"{value:.12g}") if parameter.step else value
