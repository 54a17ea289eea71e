"""The default Keras model, all folds trained as one program, as `train_folds` trains it."""

import contextlib
import io
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from foldline.evaluation.metrics import score
from foldline.training.backend import use_backend
from foldline.training.spot_check.problem import Problem, Score

EPOCHS = 20
PATIENCE = 3
LEARNING_RATE = 0.001


def fit_folds(problem: Problem, hyperparameters: Mapping[str, Any]) -> list[Score]:
    """Train the default model on every fold at once, and score it on each fold's own rows.

    It begins with a solved linear part where `train_folds` would, and keeps the epoch with the lowest mean loss on the
    rows that are scored, as `train_folds` does.
    """
    use_backend("jax")
    from foldline.training.default_model import build_model
    from foldline.training.fit import Rows, choose_batch_size, fit
    from foldline.training.linear_start import PACE, affordable, best_linear_start
    from foldline.training.model_code import make_model

    task, layout, folds = problem.task, problem.layout, range(len(problem.folds))
    rows = Rows(
        problem.folds,
        {name: np.asarray(values) for name, values in problem.features().items()},
        np.asarray(problem.label()),
        tuple(problem.training(index) for index in folds),
        tuple(problem.validation(index) for index in folds),
    )
    start = None
    if affordable(layout, task, max(len(own) for own in rows.training)):
        start = best_linear_start(rows, layout, task)
        hyperparameters = {**hyperparameters, "pace": PACE}
    with contextlib.redirect_stdout(io.StringIO()):
        fitted = fit(
            partial(make_model, build_model, hyperparameters, layout, task),
            task,
            rows,
            epochs=EPOCHS,
            batch_size=choose_batch_size(min(len(own) for own in rows.training)),
            learning_rate=LEARNING_RATE,
            seed=problem.seed,
            patience=PATIENCE,
            start=start.values if start else None,
        )
    return [
        Score(
            score(task, problem.in_units(index, rows.label[own]), problem.in_units(index, prediction)),
            len(rows.training[index]),
            fitted.seconds / len(folds),
        )
        for index, own, prediction in zip(folds, rows.validation, fitted.predictions, strict=True)
    ]
