"""What proposes points: Optuna's samplers, a grid, CMA-ES replayed from the trials that have ended, and a Gaussian
process fitted to them."""

import hashlib
import json
import random
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import optuna
from cmaes import CMA

from foldline.training.search import fields
from foldline.training.search.conduct import CMAES, GP, GRID, MULTIVARIATE_TPE, SOBOL, TPE
from foldline.training.search.definition import Definition
from foldline.training.search.parameters import Choice, Int
from foldline.training.search.space import Space
from foldline.training.tune_hyperparameters.cube import coordinates, number_at
from foldline.training.tune_hyperparameters.gaussian import most_promising

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
            n_startup_trials=startup(definition),
            n_ei_candidates=settings.get("candidates", CANDIDATES),
            multivariate=several,
            group=several and bool(definition.space.conditional),
            seed=seed,
        )
    if name in (SOBOL, GP):
        # One sequence: its place in it is in the journal. A Gaussian process begins with it too.
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
    if definition.algorithm.name == GP and len(ended) >= startup(definition):
        known = {fields.text_of(point) for point, _ in ended}
        training = [json.loads(text) for text in sorted(taken) if text not in known]
        return most_promising(definition.space, ended, training, taken, seed_of(definition, number))
    return None


def startup(definition: Definition) -> int:
    """Trials that do not come from what others have shown."""
    given: int = definition.algorithm.settings.get(
        "startup_trials", max(definition.budget.parallel_trials, LEAST_STARTUP)
    )
    return given


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
    parameters = [one for one in definition.space if not isinstance(one, Choice)]
    optimizer = CMA(
        mean=np.full(len(parameters), 0.5),
        sigma=definition.algorithm.settings.get("sigma", FIRST_SIGMA),
        bounds=np.tile([0.0, 1.0], (len(parameters), 1)),
        seed=definition.seed,
    )
    size = optimizer.population_size
    for first in range(0, len(ended) - size + 1, size):
        told = [(coordinates(parameters, point), value) for point, value in ended[first : first + size]]
        # A trial that failed is as bad as the worst that did not.
        worst = max((value for _, value in told if np.isfinite(value)), default=0.0)
        optimizer.tell([(place, value if np.isfinite(value) else worst) for place, value in told])
    optimizer.reseed_rng(seed_of(definition, number))
    place = optimizer.ask()
    return {parameter.name: number_at(parameter, float(at)) for parameter, at in zip(parameters, place, strict=True)}
