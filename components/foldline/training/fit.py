"""The epochs of a training: progress, stopping, the kept weights, checkpoints, and errors that name fold and epoch."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import jax
import keras
import numpy as np
from numpy.typing import NDArray

from foldline.artifacts import Task
from foldline.errors import ArgumentError, ModelCodeError, TrainingError
from foldline.training.fitting.callbacks import Callbacks
from foldline.training.fitting.checkpoint import Checkpoint
from foldline.training.fitting.devices import Devices, Watch
from foldline.training.fitting.members import Members
from foldline.training.fitting.mode import AUTO, MODES, SEQUENTIAL, Mode, Trial, is_out_of_memory, settle
from foldline.training.fitting.orders import steps_of
from foldline.training.fitting.rows import Rows, class_weights
from foldline.training.fitting.settings import EACH, Fitting
from foldline.training.fitting.stack import Epoch, Stack, Variables
from foldline.training.fitting.stopping import Stopping

__all__ = ["Fitted", "Rows", "choose_batch_size", "fit"]

SMALLEST_BATCH = 16
LARGEST_BATCH = 1024
ROWS_PER_STEP = 50
DEFAULT = Fitting()
# The folds of a training that has the model of all training rows only.
FINAL_ONLY = (-1,)
FIX = "Lower learning_rate, set clipnorm in fitting.optimizer, or look for extreme values in features and label."


@dataclass
class Fitted:
    """Trained models.

    Attributes:
        variables: values of each model's variables after its kept epoch; first axis K, on the host.
        names: names of the trainable and of the other variables.
        predictions: for each model those of its validation rows, shape (n_rows, task.outputs).
        kept: the epoch whose weights each model has.
        training_loss: a list for each epoch with the mean loss of each model.
        validation_loss: the same; begins with epoch 0 where there was a start.
        steepest: the same with the largest norm of a step's gradient.
        bytes_per_model: size of one model's variables and optimiser state.
        seconds: time of the epochs, compilation included.
        mode: how many models were trained at once, and why.
        device: what they were trained on, and `gpu`: its use, where it is known.
        each_epoch: for each validated epoch the predictions of each model, where they were asked for.
    """

    names: tuple[list[str], list[str]]
    mode: Mode
    device: str
    bytes_per_model: int
    variables: Variables = field(default_factory=lambda: Variables([], []))
    predictions: list[NDArray[np.float32]] = field(default_factory=list)
    kept: list[int] = field(default_factory=list)
    seconds: float = 0.0
    training_loss: list[list[float]] = field(default_factory=list)
    validation_loss: list[list[float]] = field(default_factory=list)
    steepest: list[list[float]] = field(default_factory=list)
    gpu: dict[str, float] = field(default_factory=dict)
    each_epoch: list[list[NDArray[np.float32]]] = field(default_factory=list)

    @property
    def epochs(self) -> int:
        """Epochs that a model of all rows is to be trained for: the median of the kept ones."""
        return round(float(np.median(self.kept)))


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
    each_epoch: bool = False,
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
            or one by one where that is measured to be faster. The result is the same within rounding.
        checkpoint: where the training is continued from, and saved.
        callbacks: makes what is called once an epoch, anew where training begins anew; see `Callbacks`.
        each_epoch: whether the predictions of every validated epoch are returned.
        say: takes a line for each epoch.

    Raises:
        ArgumentError: the batch is larger than a fold, or a setting has a value that it cannot have.
        TrainingError: a loss is not finite, or memory does not suffice for one model; names fold and epoch.
        ModelCodeError: the model cannot be trained, or the predictions of a classification are no probabilities.
    """
    check_batch_size(batch_size, rows)
    if mode not in MODES:
        raise ArgumentError("mode", expected=" or ".join(MODES), got=repr(mode))
    weight = class_weights(fitting.class_weight, task, rows)
    devices = Devices.for_batch(batch_size)
    began = time.monotonic()

    def attempt(chosen: Mode) -> Fitted:
        stack = Stack(
            make_model,
            task,
            learning_rate=learning_rate,
            seed=seed,
            fitting=fitting,
            training_steps=planned_steps or epochs * int(steps_of(rows.training, batch_size).max()),
            devices=devices,
        )
        free = devices.free_bytes()
        with Watch() as watch:
            members = Members(
                stack, rows, size=chosen.size, batch_size=batch_size, seed=seed, class_weight=weight, devices=devices
            )
            members.initialise(start, weights_file)
            # A start may be all there is, and trains nothing.
            if epochs:
                settle(chosen, members, free)
            training = _Training(
                stack, members, task, rows, chosen, str(devices), epochs=epochs, patience=patience, fitting=fitting
            )
            fitted = training.run(start is not None, checkpoint, callbacks(), each_epoch=each_epoch, say=say)
        fitted.gpu = watch.facts()
        return fitted

    chosen = Mode(mode, 1 if mode == SEQUENTIAL else len(rows.folds))
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


class _Training:
    """One training from its first or its last written epoch to the end."""

    def __init__(
        self,
        stack: Stack,
        members: Members,
        task: Task,
        rows: Rows,
        mode: Mode,
        device: str,
        *,
        epochs: int,
        patience: int,
        fitting: Fitting,
    ) -> None:
        self._members, self._task, self._folds = members, task, rows.folds
        self._epochs, self._patience = epochs, patience
        self._may_change_mode = mode.asked == AUTO and not fitting.deterministic
        self._stopping = Stopping(len(rows.folds), patience, each=fitting.stopping == EACH)
        self._fitted = Fitted(stack.variable_names(), mode, device, members.bytes_per_model())

    def run(
        self,
        started: bool,
        checkpoint: Checkpoint | None,
        callbacks: Sequence[keras.callbacks.Callback],
        *,
        each_epoch: bool,
        say: Callable[[str], None],
    ) -> Fitted:
        fitted, members, stopping = self._fitted, self._members, self._stopping
        called = Callbacks(callbacks, members, self._epochs)
        first = self._resumed(checkpoint, called, say)
        if first == 1 and started and (self._patience or not self._epochs):
            say(f"linear start: validation loss {self._validate(0, each_epoch):.5f}")
        trial = Trial(fitted.mode, say, ended=not self._may_change_mode)
        ends = [time.monotonic()]
        for epoch in range(first, self._epochs + 1):
            if not stopping.active.any() or called.stop:
                break
            called.epoch_began(epoch)
            active = stopping.active
            figures = trial.train(members, epoch, self._epochs, active)
            self._take(figures, epoch, active)
            losses = {"loss": fitted.training_loss[-1]}
            shown = ""
            last = epoch == self._epochs
            if self._patience or each_epoch or last:
                mean = self._validate(epoch, each_epoch)
                shown = f", validation loss {mean:.5f}" if self._patience else ""
                # Rows that the final model is applied to are rows that it is trained on.
                if self._folds != FINAL_ONLY:
                    losses["val_loss"] = fitted.validation_loss[-1]
            called.epoch_ended(epoch, self._folds, losses)
            ends.append(time.monotonic())
            # The first epoch holds the compilation: it counts only while there is no other.
            counted = ends[1:] if len(ends) > 2 else ends
            left = (counted[-1] - counted[0]) / (len(counted) - 1) * (self._epochs - epoch)
            still = "" if stopping.active.all() else f", {int(stopping.active.sum())} folds go on"
            mean = float(np.mean(np.array(losses["loss"])[active]))
            say(f"epoch {epoch}/{self._epochs}: training loss {mean:.5f}{shown}{still}, at most {left:.0f} s left")
            if checkpoint and checkpoint.due and not last:
                self._save(checkpoint, epoch)
        trained = len(fitted.training_loss)
        if not fitted.validation_loss:
            self._validate(trained, each_epoch)
        if trained < self._epochs:
            why = "a callback asked for it" if called.stop else f"no lower validation loss for {self._patience} epochs"
            kept = sorted(set(stopping.kept.tolist()))
            which = f"epoch {kept[0]} is" if len(kept) == 1 else f"epochs {', '.join(map(str, kept))} are"
            say(f"stopped: {why}; {which} kept")
        called.ended()
        fitted.variables, fitted.predictions = members.kept()
        fitted.kept = stopping.kept.tolist()
        return fitted

    def _take(self, figures: Epoch, epoch: int, active: NDArray[np.bool_]) -> None:
        """Note the figures of an epoch; a model that has stopped keeps those of its last one."""
        fitted = self._fitted
        before = fitted.training_loss[-1] if fitted.training_loss else [0.0] * len(self._folds)
        steepest = f"; the gradient's norm reached {np.max(figures.steepest):.3g}"
        if fitted.steepest:
            steepest += f" after {np.max(fitted.steepest[-1]):.3g} in the epoch before"
        _check_finite("training loss", figures.loss, self._folds, epoch, steepest)
        fitted.training_loss.append(np.where(active, figures.loss, before).tolist())
        fitted.steepest.append(figures.steepest.tolist())

    def _validate(self, epoch: int, each_epoch: bool) -> float:
        fitted, members = self._fitted, self._members
        losses = members.validate()
        _check_finite("validation loss", losses, self._folds, epoch)
        fitted.validation_loss.append(losses.tolist())
        better = self._stopping.see(epoch, losses)
        if better.any():
            _check_probabilities(self._task, members.applied())
        members.keep(better)
        if each_epoch:
            fitted.each_epoch.append(members.applied())
        return float(losses.mean())

    def _save(self, checkpoint: Checkpoint, epoch: int) -> None:
        fitted = self._fitted
        notes = {
            "epoch": epoch,
            "training_loss": fitted.training_loss,
            "validation_loss": fitted.validation_loss,
            "steepest": fitted.steepest,
            "each_epoch": len(fitted.each_epoch),
        }
        checkpoint.save(notes, (self._members.state(), self._stopping.state(), fitted.each_epoch))

    def _resumed(self, checkpoint: Checkpoint | None, called: Callbacks, say: Callable[[str], None]) -> int:
        """The first epoch to train."""
        found = checkpoint.load() if checkpoint else None
        if found is None:
            return 1
        notes, arrays = found
        fitted, members = self._fitted, self._members
        content = {"states": members.state()["states"]}
        if notes["validation_loss"]:
            content |= {"kept": content["states"].variables, "predictions": 0}
        every = [[0] * len(self._folds)] * notes["each_epoch"]
        expected = (content, self._stopping.state(), every)
        if len(jax.tree.leaves(expected)) != len(arrays):
            say("the checkpoint is of a model with other variables: training begins anew")
            return 1
        for name in ("training_loss", "validation_loss", "steepest"):
            setattr(fitted, name, notes[name])
        # What callbacks know of the past they learn by seeing it again; the weights are then those of the checkpoint.
        for epoch in range(1, notes["epoch"] + 1):
            losses = {"loss": fitted.training_loss[epoch - 1]}
            if len(fitted.validation_loss) >= notes["epoch"] and self._folds != FINAL_ONLY:
                losses["val_loss"] = fitted.validation_loss[epoch - 1 - notes["epoch"]]
            called.epoch_began(epoch)
            called.epoch_ended(epoch, self._folds, losses)
        content, stopped, fitted.each_epoch = jax.tree.unflatten(jax.tree.structure(expected), arrays)
        members.restore(content)
        self._stopping.restore(stopped)
        say(f"continued after epoch {notes['epoch']} of {self._epochs}, from a checkpoint")
        return int(notes["epoch"]) + 1


def _check_finite(what: str, loss: NDArray[np.float64], folds: Sequence[int], epoch: int, more: str = "") -> None:
    wrong = np.flatnonzero(~np.isfinite(loss))
    if len(wrong):
        fold = folds[wrong[0]]
        place = f"fold {fold}" if fold >= 0 else "all training rows"
        raise TrainingError(
            f"{what} of {place} in epoch {epoch}", expected="a finite number", got=f"{loss[wrong[0]]}{more}", fix=FIX
        )


def _check_probabilities(task: Task, predictions: Sequence[NDArray[np.float32]]) -> None:
    if not task.is_classification:
        return
    low, high = min(float(own.min()) for own in predictions), max(float(own.max()) for own in predictions)
    totals = [own.sum(axis=-1) for own in predictions]
    summed = task.kind == "binary" or max(float(abs(total - 1.0).max()) for total in totals) < 1e-3
    if low < 0.0 or high > 1.0 or not summed:
        most = max(float(total.max()) for total in totals)
        raise ModelCodeError(
            "output of the model",
            expected="probabilities in [0, 1]" + ("" if task.kind == "binary" else " that sum to 1 in each row"),
            got=f"values from {low:.4g} to {high:.4g}" + ("" if summed else f", sums up to {most:.4g}"),
            fix="End with activation=inputs.activation.",
        )
