"""The epochs of a training: progress, stopping, the kept weights, and checkpoints."""

import time
from collections.abc import Callable, Sequence
from typing import Any

import jax
import keras
import numpy as np
from numpy.typing import NDArray

from foldline.artifacts import Task
from foldline.errors import TrainingError
from foldline.training.fitting.callbacks import Callbacks
from foldline.training.fitting.checkpoint import Checkpoint
from foldline.training.fitting.checks import check_probabilities, not_finite
from foldline.training.fitting.fitted import Fitted
from foldline.training.fitting.members import Members
from foldline.training.fitting.mode import AUTO, Mode, Trial
from foldline.training.fitting.rows import Rows
from foldline.training.fitting.settings import EACH, Fitting
from foldline.training.fitting.state import Epoch
from foldline.training.fitting.stopping import Stopping

# The folds of a training that has the model of all training rows only.
FINAL_ONLY = (-1,)


class Training:
    """One training from its first or its last written epoch to the end.

    Args:
        names: of the variables, as `Fitted` has them.
        tolerate: whether a model whose loss is not finite ends alone; else it is an error.
    """

    def __init__(
        self,
        names: tuple[list[str], list[str]],
        members: Members,
        task: Task,
        rows: Rows,
        mode: Mode,
        device: str,
        *,
        epochs: int,
        patience: int,
        fitting: Fitting,
        tolerate: bool,
    ) -> None:
        self._members, self._task, self._folds = members, task, rows.folds
        self._epochs, self._patience, self._tolerate = epochs, patience, tolerate
        self._deterministic = fitting.deterministic
        self._may_change_mode = mode.asked == AUTO and not fitting.deterministic
        self._stopping = Stopping(len(rows.folds), patience, each=fitting.stopping == EACH)
        self._fitted = Fitted(names, mode, device, members.bytes_per_model())

    def run(
        self,
        started: bool,
        checkpoint: Checkpoint | None,
        callbacks: Sequence[keras.callbacks.Callback],
        *,
        rates: Sequence[float],
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
            if rates:
                members.set_learning_rate(rates[epoch - 1])
            called.epoch_began(epoch)
            rate = members.learning_rate() if callbacks else None
            if rate is not None:
                fitted.learning_rates.append(rate)
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
            going = int(stopping.active.sum())
            still = "" if going == len(self._folds) else f", {going} {'model goes' if going == 1 else 'models go'} on"
            mean = _mean(losses["loss"], active & stopping.judged)
            say(f"epoch {epoch}/{self._epochs}: training loss {mean:.5f}{shown}{still}, at most {left:.0f} s left")
            if checkpoint and checkpoint.due and not last:
                self._save(checkpoint, epoch)
        trained = len(fitted.training_loss)
        if not fitted.validation_loss:
            self._validate(trained, each_epoch)
        if trained < self._epochs and stopping.judged.any():
            why = "a callback asked for it" if called.stop else f"no lower validation loss for {self._patience} epochs"
            kept = sorted(set(stopping.kept[stopping.judged].tolist()))
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
        self._end(not_finite("training loss", figures.loss, self._folds, epoch, steepest))
        losses = np.where(active, figures.loss, before)
        fitted.training_loss.append(np.where(self._stopping.judged, losses, np.nan).tolist())
        fitted.steepest.append(figures.steepest.tolist())

    def _end(self, failures: dict[int, TrainingError]) -> None:
        """End the models that have failed, or all of them where that is not tolerated."""
        for index, failure in failures.items():
            if not self._tolerate:
                raise failure
            self._fitted.failures.setdefault(index, str(failure))
        self._stopping.drop(list(failures))

    def _validate(self, epoch: int, each_epoch: bool) -> float:
        fitted, members = self._fitted, self._members
        losses = members.validate()
        self._end(not_finite("validation loss", losses, self._folds, epoch))
        fitted.validation_loss.append(losses.tolist())
        better = self._stopping.see(epoch, losses)
        if better.any():
            judged = self._stopping.judged
            applied = zip(members.applied(), judged, strict=True)
            check_probabilities(self._task, [predictions for predictions, counts in applied if counts])
        members.keep(better)
        if each_epoch:
            fitted.each_epoch.append(members.applied())
        return _mean(losses, self._stopping.judged)

    def _save(self, checkpoint: Checkpoint, epoch: int) -> None:
        fitted = self._fitted
        notes = {
            "epoch": epoch,
            "training_loss": fitted.training_loss,
            "validation_loss": fitted.validation_loss,
            "steepest": fitted.steepest,
            "learning_rates": fitted.learning_rates,
            "size": fitted.mode.size,
            "each_epoch": len(fitted.each_epoch),
            "failures": fitted.failures,
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
        for name in ("training_loss", "validation_loss", "steepest", "learning_rates"):
            setattr(fitted, name, notes[name])
        fitted.failures = {int(index): failure for index, failure in notes["failures"].items()}
        # What callbacks know of the past they learn by seeing it again; the weights are then those of the checkpoint.
        for epoch in range(1, notes["epoch"] + 1):
            losses = {"loss": fitted.training_loss[epoch - 1]}
            if len(fitted.validation_loss) >= notes["epoch"] and self._folds != FINAL_ONLY:
                losses["val_loss"] = fitted.validation_loss[epoch - 1 - notes["epoch"]]
            called.epoch_began(epoch)
            called.epoch_ended(epoch, self._folds, losses)
        content, stopped, fitted.each_epoch = jax.tree.unflatten(jax.tree.structure(expected), arrays)
        if self._deterministic and members.size != notes["size"]:
            members.regroup(notes["size"])
            fitted.mode.size = members.size
            fitted.mode.reasons.append(f"{members.size} at a time, as before the checkpoint")
        members.restore(content)
        self._stopping.restore(stopped)
        say(f"continued after epoch {notes['epoch']} of {self._epochs}, from a checkpoint")
        return int(notes["epoch"]) + 1


def _mean(losses: Any, counted: NDArray[np.bool_]) -> float:
    """The mean of those that count; not a number where none does."""
    return float(np.mean(np.asarray(losses)[counted])) if counted.any() else float("nan")
