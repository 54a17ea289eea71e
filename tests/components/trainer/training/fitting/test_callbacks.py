"""Keras callbacks over a stack of folds."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from foldline.errors import ArgumentError, ModelCodeError
from foldline.training.fitting.checkpoint import Checkpoint
from foldline.training.model_code import load_build_model, load_callbacks


class Noted(keras.callbacks.Callback):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Any] = []

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.seen.append((epoch, dict(logs), float(self.model.optimizer.learning_rate)))


def test_a_callback_sees_the_means_and_each_fold(train: Any, rows: Any) -> None:
    noted = Noted()
    fitted = train(rows((64, 64)), epochs=3, patience=3, callbacks=lambda: [noted]).fitted
    assert [epoch for epoch, _, _ in noted.seen] == [0, 1, 2]
    _, logs, _ = noted.seen[-1]
    assert logs["loss"] == pytest.approx(np.mean(fitted.training_loss[-1]))
    assert logs["val_loss"] == pytest.approx(np.mean(fitted.validation_loss[-1]))
    assert logs["fold_1_val_loss"] == pytest.approx(fitted.validation_loss[-1][1])


@pytest.mark.parametrize("mode", ["stacked", "sequential"])
def test_a_learning_rate_that_a_callback_sets_holds_for_all_folds(train: Any, rows: Any, mode: str) -> None:
    noted = Noted()
    stopped = keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate if epoch == 0 else 0.0)
    table = rows((64, 64))
    frozen = train(table, epochs=4, mode=mode, callbacks=lambda: [stopped, noted])
    once = train(table, epochs=1, mode=mode)
    frozen_weights, once_weights = frozen.leaves(1), once.leaves(1)
    assert [rate for *_, rate in noted.seen] == pytest.approx([0.01, 0.0, 0.0, 0.0])
    for one, other in zip(frozen_weights, once_weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_rate_of_each_epoch_is_recorded_and_a_training_without_callbacks_takes_it(train: Any, rows: Any) -> None:
    halved = keras.callbacks.LearningRateScheduler(lambda epoch, rate: 0.01 / 2**epoch)
    table = rows((64,))
    called = train(table, epochs=3, callbacks=lambda: [halved])
    assert called.fitted.learning_rates == pytest.approx([0.01, 0.005, 0.0025])
    replayed = train(table, epochs=3, learning_rate=0.5, rates=called.fitted.learning_rates)
    replayed.same_as(called, tolerance=0.0)
    assert train(table, epochs=1).fitted.learning_rates == []


@pytest.mark.parametrize(("patience", "each_epoch", "validated"), [(0, False, 1), (0, True, 2), (9, False, 2)])
def test_a_callback_may_stop_the_training(
    train: Any, rows: Any, patience: int, each_epoch: bool, validated: int
) -> None:
    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            self.model.stop_training = epoch == 1

    stopped = train(rows((64,)), epochs=9, patience=patience, each_epoch=each_epoch, callbacks=lambda: [Stop()])
    fitted = stopped.fitted
    assert len(fitted.training_loss) == 2
    assert fitted.kept == [2]
    assert len(fitted.predictions[0]) == 32
    assert len(fitted.validation_loss) == validated
    assert stopped.lines[-1] == "stopped: a callback asked for it; epoch 2 is kept"


def test_a_callback_that_stops_after_the_last_epoch_changes_nothing(train: Any, rows: Any) -> None:
    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            self.model.stop_training = epoch == 1

    stopped, whole = train(rows((64,)), callbacks=lambda: [Stop()]), train(rows((64,)))
    assert len(stopped.fitted.validation_loss) == 1
    stopped.same_as(whole, tolerance=0.0)


def test_the_time_left_is_told_after_the_first_epoch_too(train: Any, rows: Any) -> None:
    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            self.model.stop_training = True

    lines = train(rows((64,)), epochs=10**6, callbacks=lambda: [Stop()]).lines
    assert int(lines[0].split("at most ")[1].removesuffix(" s left")) > 0


def test_a_reduction_on_a_plateau_survives_a_checkpoint(train: Any, rows: Any, tmp_path: Path) -> None:
    class InterruptionError(Exception):
        pass

    class Interrupt(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            if epoch == 6 and armed:
                raise InterruptionError

    def callbacks() -> list[Any]:
        plateau = keras.callbacks.ReduceLROnPlateau(patience=1, factor=0.5, min_delta=10.0)
        return [plateau, *([Interrupt()] if armed else [])]

    table, armed = rows((64, 48)), False
    whole = train(table, epochs=9, patience=9, callbacks=callbacks)
    armed = True
    checkpoint = Checkpoint(str(tmp_path), {}, {})
    with pytest.raises(ModelCodeError, match="InterruptionError"):
        train(table, epochs=9, patience=9, callbacks=callbacks, checkpoint=checkpoint)
    armed = False
    resumed = train(table, epochs=9, patience=9, callbacks=callbacks, checkpoint=checkpoint)
    assert "continued after epoch" in resumed.lines[0]
    resumed.same_as(whole, tolerance=0.0)


def test_a_schedule_and_a_callback_that_sets_the_rate_do_not_mix(train: Any, rows: Any) -> None:
    scheduler = keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate)
    with pytest.raises(ArgumentError, match="a callback that reads the learning rate: expected a constant rate"):
        train(rows((64,)), fitting={"schedule": "cosine"}, callbacks=lambda: [scheduler])


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("return 3", "return value of build_callbacks: expected a list of keras.callbacks.Callback, got 3"),
        ("raise ValueError('no')", "build_callbacks: expected code that runs, got ValueError in line"),
    ],
)
def test_unusable_callbacks_are_told(body: str, said: str) -> None:
    code = f"def build_model(inputs):\n    pass\n\ndef build_callbacks():\n    {body}\n"
    with pytest.raises(ModelCodeError, match=said):
        load_callbacks(load_build_model("", code))


def test_model_code_without_callbacks_has_none() -> None:
    assert load_callbacks(load_build_model("")) == []
