"""The training of models: how many at once, on what, and again with fewer where memory does not suffice."""

import math
import time
from collections.abc import Callable, Mapping, Sequence

import keras
import numpy as np
from numpy.typing import NDArray

from foldline.artifacts import Task
from foldline.errors import ArgumentError, TrainingError
from foldline.training.fitting.blueprint import Blueprint
from foldline.training.fitting.checkpoint import Checkpoint
from foldline.training.fitting.devices import Devices, Watch
from foldline.training.fitting.fitted import Fitted
from foldline.training.fitting.members import Members
from foldline.training.fitting.mode import AUTO, Mode, is_out_of_memory, settle
from foldline.training.fitting.orders import steps_of
from foldline.training.fitting.rows import Rows, class_weights
from foldline.training.fitting.settings import Fitting
from foldline.training.fitting.stack import Stack
from foldline.training.fitting.training import Training
from foldline.training.fitting.variation import Variation

__all__ = ["Fitted", "Rows", "choose_batch_size", "fit"]

SMALLEST_BATCH = 16
LARGEST_BATCH = 1024
ROWS_PER_STEP = 50
DEFAULT = Fitting()


def choose_batch_size(rows: int) -> int:
    """The batch size for a smallest fold of `rows` training rows: the power of two nearest to a fiftieth of them, from
    16 to 1024, and never more than there are rows."""
    power = 2 ** round(np.log2(max(rows / ROWS_PER_STEP, 1.0)))
    return int(min(max(power, SMALLEST_BATCH), LARGEST_BATCH, rows))


def check_batch_size(batch_size: int, rows: Rows) -> None:
    """Check that every model has a whole batch.

    Raises:
        ArgumentError: the batch is larger than a fold.
    """
    smallest = min(len(own) for own in rows.training)
    if not 1 <= batch_size <= smallest:
        raise ArgumentError(
            "batch_size", expected=f"1 to {smallest}, the training rows of the smallest fold", got=str(batch_size)
        )


def fit(
    make_model: Callable[[], keras.Model],
    task: Task,
    rows: Rows,
    *,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    seed: int,
    patience: int = 0,
    start: Mapping[str, NDArray[np.float32]] | None = None,
    fitting: Fitting = DEFAULT,
    planned_steps: int = 0,
    weights_file: str = "",
    mode: str = AUTO,
    checkpoint: Checkpoint | None = None,
    callbacks: Callable[[], Sequence[keras.callbacks.Callback]] = list,
    rates: Sequence[float] = (),
    each_epoch: bool = False,
    variation: Variation | None = None,
    tolerate: bool = False,
    stack_of: Callable[[Callable[[], Stack]], Stack] = lambda anew: anew(),
    say: Callable[[str], None] = print,
) -> Fitted:
    """Train one model a fold.

    Args:
        epochs: most epochs; all of them without `patience`. With `start` it may be 0.
        batch_size: at most the number of training rows of the smallest fold.
        patience: epochs without a lower validation loss after which training stops; the weights of the epoch with the
            lowest one are kept: one epoch for all models, or with `fitting.stopping` `each` one for each. 0: no early
            stop, and the validation rows are predicted once, at the end.
        start: initial values as `Stack.begun` takes them. They are epoch 0, which may turn out to be the best.
        planned_steps: steps that a learning-rate schedule is made for, where they are not those of this training.
        weights_file: Keras weights file that every model begins with; empty for none.
        mode: `stacked`: all models in one program; `sequential`: one by one; `auto`: as many at once as memory allows,
            or one by one where that is measured to be faster; a number: as many. The result is the same within
            rounding.
        checkpoint: where the training is continued from, and saved.
        callbacks: makes what is called once an epoch, anew where training begins anew; see `Callbacks`.
        rates: learning rate of each epoch, in the place of callbacks that would set it; empty for those of the
            optimiser.
        each_epoch: whether the predictions of every validated epoch are returned.
        variation: in what the models differ beside their rows, if in anything. `make_model` then makes any of them,
            and `learning_rate` stands back. A fold may be listed several times, with the same positions: its models
            begin with the same weights and see the same batches.
        tolerate: whether a model whose loss is not finite ends alone and is named in `Fitted.failures`.
        stack_of: from what makes the stack of this training to the one that it uses: that, or the stack of an earlier
            training, as `Stacks` keeps them.
        say: takes a line for each epoch.

    Raises:
        ArgumentError: the batch is larger than a fold, or a setting has a value that it cannot have.
        TrainingError: a loss is not finite and that is not tolerated (names fold and epoch), or memory does not suffice
            for one model.
        ModelCodeError: the model cannot be trained, or the predictions of a classification are no probabilities.
    """
    check_batch_size(batch_size, rows)
    chosen = Mode.parse(mode, len(rows.folds))
    if variation is not None:
        variation.check(len(rows.folds))
        if callbacks():
            raise ArgumentError("callbacks", expected="none where models differ in more than their rows", got="some")
    weight = class_weights(fitting.class_weight, task, rows)
    devices = Devices.for_batch(batch_size)
    began = time.monotonic()

    def anew() -> Stack:
        made = Blueprint(
            make_model,
            learning_rate=learning_rate,
            seed=seed,
            fitting=fitting,
            training_steps=planned_steps or epochs * int(steps_of(rows.training, batch_size).max()),
        )
        return Stack(made, task, devices)

    def attempt(chosen: Mode) -> Fitted:
        stack = stack_of(anew)
        free = devices.free_bytes()
        with Watch() as watch:
            members = Members(
                stack, rows, size=chosen.size, batch_size=batch_size, seed=seed,
                class_weight=weight, variation=variation, devices=devices,
            )  # fmt: skip
            members.initialise(start, weights_file)
            # A start may be all there is, and trains nothing.
            if epochs:
                settle(chosen, members, free)
            training = Training(
                stack.variable_names, members, task, rows, chosen, str(devices), epochs=epochs, patience=patience,
                fitting=fitting, tolerate=tolerate,
            )  # fmt: skip
            fitted = training.run(
                start is not None, checkpoint, callbacks(), rates=rates, each_epoch=each_epoch, say=say
            )
        fitted.gpu = watch.facts()
        return fitted

    while True:
        try:
            fitted = attempt(chosen)
            break
        except Exception as fault:
            if not is_out_of_memory(fault):
                raise
            if chosen.size == 1:
                raise TrainingError(
                    "device memory", expected=f"room for one model on {devices}", got="out of memory",
                    fix="Lower batch_size or the model's width, or ask for a larger device.",
                ) from fault  # fmt: skip
        # The failed attempt ends with its exception: nothing of it is on the device any more.
        chosen = Mode(mode, math.ceil(chosen.size / 2), ["the device ran out of memory with more"])
        say(f"the device is out of memory: training goes on with {chosen.size} models at a time")
    fitted.seconds = time.monotonic() - began
    peak = devices.peak_bytes()
    if peak:
        fitted.gpu["peak_bytes"] = peak
    return fitted
