"""Optimisers and learning-rate schedules of Keras by name."""

import inspect
from typing import Any

import keras

from foldline.errors import ArgumentError
from foldline.training.fitting.settings import Fitting

SCHEDULES = {
    "cosine": "CosineDecay",
    "cosine_restarts": "CosineDecayRestarts",
    "exponential": "ExponentialDecay",
    "inverse_time": "InverseTimeDecay",
    "piecewise": "PiecewiseConstantDecay",
    "polynomial": "PolynomialDecay",
}
# These need a hook after each step, or a loss of their own, that a stack does not have.
REFUSED = ("use_ema", "loss_scale_factor", "gradient_accumulation_steps", "learning_rate")
RATE = "learning_rate"
# Those for which the shape of a variable means nothing.
ELEMENTWISE = ("adadelta", "adagrad", "adam", "adamax", "adamw", "ftrl", "lion", "nadam", "rmsprop", "sgd")


def make_optimizer(fitting: Fitting, learning_rate: float, steps: int) -> keras.optimizers.Optimizer:
    """A new optimiser.

    Args:
        steps: of the whole training; what a schedule without a length of its own takes.

    Raises:
        ArgumentError: Keras has no such optimiser or schedule, or it does not take such arguments.
    """
    classes: dict[str, Any] = {
        name.lower(): value
        for name, value in vars(keras.optimizers).items()
        if inspect.isclass(value) and issubclass(value, keras.optimizers.Optimizer)
    }
    name, arguments = fitting.optimizer.name, fitting.optimizer.arguments
    known = sorted(set(classes) - {"optimizer", "lossscaleoptimizer"})
    if name.lower() not in known:
        raise ArgumentError("field 'optimizer' of fitting", expected=f"one of {known}", got=repr(name))
    refused = sorted(set(REFUSED) & set(arguments))
    if refused:
        expected = f"none of {list(REFUSED)}; the learning rate is a parameter of its own"
        raise ArgumentError("field 'optimizer' of fitting", expected=expected, got=f"{refused}")
    rate = make_schedule(fitting, learning_rate, steps) if fitting.schedule.name else learning_rate
    try:
        made: keras.optimizers.Optimizer = classes[name.lower()](learning_rate=rate, **arguments)
        return made
    except (TypeError, ValueError) as fault:
        raise ArgumentError("field 'optimizer' of fitting", expected=f"arguments of {name}", got=str(fault)) from fault


def make_schedule(fitting: Fitting, rate: Any, steps: int) -> keras.optimizers.schedules.LearningRateSchedule:
    """The schedule of `fitting`; arguments and errors are those of `make_optimizer`. The rate may be traced."""
    name, arguments = fitting.schedule.name, dict(fitting.schedule.arguments)
    where = "field 'schedule' of fitting"
    if name not in SCHEDULES:
        raise ArgumentError(where, expected=f"one of {sorted(SCHEDULES)}", got=repr(name))
    kind = getattr(keras.optimizers.schedules, SCHEDULES[name])
    accepted = list(inspect.signature(kind).parameters)
    if "initial_learning_rate" in accepted:
        arguments.setdefault("initial_learning_rate", 0.0 if arguments.get("warmup_steps") else rate)
    if arguments.get("warmup_steps"):
        arguments.setdefault("warmup_target", rate)
    if "decay_steps" in accepted:
        arguments.setdefault("decay_steps", max(steps - arguments.get("warmup_steps", 0), 1))
    try:
        return kind(**arguments)
    except (TypeError, ValueError) as fault:
        raise ArgumentError(where, expected=f"arguments of {SCHEDULES[name]}: {accepted}", got=str(fault)) from fault
