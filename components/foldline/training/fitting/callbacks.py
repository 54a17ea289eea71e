"""Keras callbacks over a stack: what they see as their model, and when they are called."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from foldline.errors import ArgumentError, ModelCodeError
from foldline.training.fitting.members import Members


class _Optimizer:
    """The learning rate of all models, as a callback reads and sets it."""

    def __init__(self, members: Members) -> None:
        self._members = members

    @property
    def learning_rate(self) -> Any:
        rate = self._members.learning_rate()
        if rate is None:
            raise ArgumentError(
                "a callback that reads the learning rate", expected="a constant rate", got="field 'schedule' of fitting"
            )
        return np.float32(rate)

    @learning_rate.setter
    def learning_rate(self, rate: Any) -> None:
        if float(rate) != float(self.learning_rate):
            self._members.set_learning_rate(float(rate))


class _Models:
    """What a callback has as `self.model`: `optimizer.learning_rate` and `stop_training`, of all models."""

    def __init__(self, members: Members) -> None:
        self.optimizer = _Optimizer(members)
        self.stop_training = False


class Callbacks:
    """Callbacks of a user, called once an epoch with the means over the models.

    Their logs have `loss`, `val_loss` where rows are validated, and for each fold `fold_0_loss`, `fold_0_val_loss`.
    """

    def __init__(self, callbacks: Sequence[keras.callbacks.Callback], members: Members, epochs: int) -> None:
        self._callbacks, self._models = list(callbacks), _Models(members)
        for callback in self._callbacks:
            callback.set_params({"epochs": epochs, "steps": None, "verbose": 0})
            callback.set_model(self._models)
            self._call(callback, "on_train_begin", {})

    @property
    def stop(self) -> bool:
        """Whether one of them has asked to stop."""
        return self._models.stop_training

    def epoch_began(self, epoch: int) -> None:
        for callback in self._callbacks:
            self._call(callback, "on_epoch_begin", epoch - 1, {})

    def epoch_ended(self, epoch: int, folds: Sequence[int], losses: Mapping[str, Sequence[float]]) -> None:
        """`losses`: of each model, by `loss` and `val_loss`."""
        logs = {name: float(np.mean(values)) for name, values in losses.items()}
        for name, values in losses.items():
            logs |= {f"fold_{fold}_{name}": float(value) for fold, value in zip(folds, values, strict=True)}
        for callback in self._callbacks:
            self._call(callback, "on_epoch_end", epoch - 1, logs)

    def ended(self) -> None:
        for callback in self._callbacks:
            self._call(callback, "on_train_end", {})

    def _call(self, callback: keras.callbacks.Callback, hook: str, *given: Any) -> None:
        try:
            getattr(callback, hook)(*given)
        except ArgumentError:
            raise
        except Exception as fault:  # A user's code may fail in any way; what it says is the message.
            raise ModelCodeError(
                f"{hook} of the callback {type(callback).__name__}",
                expected="code that runs with a model that has optimizer.learning_rate and stop_training",
                got=f"{type(fault).__name__}: {fault}",
            ) from fault
