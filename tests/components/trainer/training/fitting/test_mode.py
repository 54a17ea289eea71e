"""However the folds are grouped, the result is one and the same."""

import subprocess
import sys
import threading
import time
import weakref
from pathlib import Path
from typing import Any

import jax
import keras
import numpy as np
import pytest

from builders import fold_rows
from foldline.errors import ArgumentError, ModelCodeError
from foldline.training.fit import fit
from foldline.training.fitting import devices
from foldline.training.fitting import mode as modes
from foldline.training.fitting.devices import Devices, Watch
from foldline.training.fitting.members import Members
from foldline.training.fitting.rows import Rows
from foldline.training.model_code import make_model

NORMALISED = """
import keras

def build_model(inputs):
    hidden = keras.layers.Dense(8, activation="tanh")(inputs.tensors["numeric"])
    hidden = keras.layers.BatchNormalization(momentum=0.5)(hidden)
    return keras.Model(inputs.tensors, keras.layers.Dense(inputs.units, activation=inputs.activation)(hidden))
"""
# A callback to the host, which JAX refuses to vectorise.
UNSTACKABLE = """
import jax, keras, numpy as np

@jax.custom_jvp
def host(values):
    return jax.pure_callback(lambda x: np.zeros_like(x), jax.ShapeDtypeStruct(values.shape, values.dtype), values)

@host.defjvp
def host_jvp(primals, tangents):
    return host(*primals), tangents[0] * 0.0

class Host(keras.layers.Layer):
    def call(self, values):
        return values + host(values)

    def compute_output_spec(self, values):
        return keras.KerasTensor(values.shape, values.dtype)

def build_model(inputs):
    hidden = Host()(inputs.tensors["numeric"])
    return keras.Model(inputs.tensors, keras.layers.Dense(inputs.units, activation=inputs.activation)(hidden))
"""
UNTRAINABLE = """
import keras, numpy as np

class Numpy(keras.layers.Layer):
    def call(self, values):
        return values if isinstance(values, keras.KerasTensor) else np.asarray(values)

    def compute_output_spec(self, values):
        return keras.KerasTensor(values.shape, values.dtype)

def build_model(inputs):
    hidden = Numpy()(inputs.tensors["numeric"])
    return keras.Model(inputs.tensors, keras.layers.Dense(inputs.units, activation=inputs.activation)(hidden))
"""


@pytest.mark.parametrize(
    ("kind", "code"), [("binary", ""), ("multiclass", NORMALISED), ("regression", "")], ids=["plain", "normalised", "r"]
)
def test_one_by_one_and_all_at_once_give_the_same_weights(train: Any, rows: Any, kind: str, code: str) -> None:
    table = rows((100, 36, 60), kind)
    given = {"kind": kind, "code": code, "patience": 2, "epochs": 3}
    together, alone = train(table, mode="stacked", **given), train(table, mode="sequential", **given)
    assert together.fitted.mode.name == "stacked"
    assert alone.fitted.mode.name == "sequential"
    together.same_as(alone)


def test_ten_epochs_in_both_modes_score_alike(train: Any, rows: Any) -> None:
    from sklearn.metrics import roc_auc_score

    table = rows((400, 400, 400))
    scores = []
    for mode in ("stacked", "sequential"):
        fitted = train(table, mode=mode, epochs=10).fitted
        labels = np.concatenate([table.label[own] for own in table.validation])
        scores.append(roc_auc_score(labels, np.concatenate(fitted.predictions)))
    assert abs(scores[0] - scores[1]) < 0.002


def test_auto_takes_all_that_fit_and_says_so(train: Any, rows: Any) -> None:
    fitted = train(rows((64, 64))).fitted
    assert fitted.mode.name == "stacked"
    assert "2 models fit" in fitted.mode.reasons[0]


def test_a_model_that_cannot_be_stacked_is_trained_one_by_one(train: Any, rows: Any) -> None:
    fitted = train(rows((64, 64)), code=UNSTACKABLE).fitted
    assert fitted.mode.name == "sequential"
    assert "cannot be stacked" in fitted.mode.reasons[0]


def test_a_model_that_jax_cannot_trace_is_told(train: Any, rows: Any) -> None:
    with pytest.raises(ModelCodeError, match="a training step of the model: expected code that JAX can trace"):
        train(rows((64, 64)), code=UNTRAINABLE)


def test_an_unknown_mode_is_refused(train: Any, rows: Any) -> None:
    with pytest.raises(ArgumentError, match=r"mode: expected auto, stacked, sequential or a number .* got 'paralel'"):
        train(rows((64,)), mode="paralel")


def test_a_number_is_how_many_models_train_at_once(train: Any, rows: Any) -> None:
    table = rows((64, 48, 64))
    fitted = train(table, mode="2")
    assert fitted.fitted.mode.size == 2
    assert fitted.fitted.mode.reasons == ["2 at a time were asked for"]
    fitted.same_as(train(table, mode="stacked"))


def test_models_one_by_one_make_no_steps_but_their_own(rows: Any) -> None:
    steps: list[int] = []

    class Counted(keras.layers.Layer):
        def call(self, values: Any, training: bool = False) -> Any:
            if training:
                jax.debug.callback(lambda: steps.append(1))
            return values

    def build_model(inputs: Any) -> keras.Model:
        hidden = Counted()(inputs.tensors["numeric"])
        return keras.Model(inputs.tensors, keras.layers.Dense(inputs.units, activation=inputs.activation)(hidden))

    task = fold_rows.TASKS["binary"]
    fit(
        lambda: make_model(build_model, {}, fold_rows.LAYOUT, task), task, rows((160, 32)), epochs=2, batch_size=16,
        learning_rate=0.01, seed=0, mode="sequential", say=lambda line: None,
    )  # fmt: skip
    jax.effects_barrier()
    assert len(steps) == 2 * (10 + 2)


def test_folds_that_do_not_fit_into_memory_take_turns(train: Any, rows: Any, monkeypatch: Any) -> None:
    table = rows((80, 64, 64, 48))
    needed: list[int] = []
    measure = Members.footprint

    def noted(self: Members) -> int:
        needed.append(measure(self))
        return needed[-1]

    monkeypatch.setattr(Members, "footprint", noted)
    whole = train(table, epochs=2, patience=2)
    assert len(needed) == 1
    monkeypatch.setattr(Devices, "free_bytes", lambda self: needed[0] - 1)
    halved = train(table, epochs=2, patience=2)
    assert halved.fitted.mode.size == 2
    assert "2 at a time" in halved.fitted.mode.reasons[0]
    halved.same_as(whole)


def test_a_device_that_runs_out_of_memory_halves_the_folds_and_goes_on(train: Any, rows: Any, monkeypatch: Any) -> None:
    table = rows((64, 64, 64, 64))
    whole = train(table)
    honest = Members.train

    def refused(self: Members, epoch: int, active: Any) -> Any:
        if self.size > 2:
            raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 17179869184 bytes.")
        return honest(self, epoch, active)

    monkeypatch.setattr(Members, "train", refused)
    halved = train(table)
    assert halved.lines[0] == "the device is out of memory: training goes on with 2 models at a time"
    assert halved.fitted.mode.size == 2
    halved.same_as(whole)


def test_what_the_device_holds_for_a_training_counts_once(train: Any, rows: Any, monkeypatch: Any) -> None:
    needed: list[int] = []
    measure = Members.footprint

    def noted(self: Members) -> int:
        needed.append(measure(self))
        return needed[-1]

    def held() -> int:
        return sum(array.nbytes for array in jax.live_arrays())

    monkeypatch.setattr(Members, "footprint", noted)
    table = rows((400, 400))
    train(table)
    before = held()
    monkeypatch.setattr(Devices, "free_bytes", lambda self: needed[0] + before - held())
    assert train(table).fitted.mode.size == 2


def test_after_a_lack_of_memory_nothing_of_the_first_attempt_is_left(train: Any, rows: Any, monkeypatch: Any) -> None:
    class Count(keras.callbacks.Callback):
        def __init__(self) -> None:
            super().__init__()
            self.epochs: list[int] = []
            seen.append(self.epochs)

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            self.epochs.append(epoch)

    seen: list[list[int]] = []
    held: list[Any] = []
    alive: list[bool] = []
    honest_train, honest_make = Members.train, Members.__init__

    def noted(self: Members, *given: Any, **named: Any) -> None:
        alive.extend(old() is not None for old in held)
        held.append(weakref.ref(self))
        honest_make(self, *given, **named)

    def refused(self: Members, epoch: int, active: Any) -> Any:
        if self.size > 2 and epoch == 2:
            raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 17179869184 bytes.")
        return honest_train(self, epoch, active)

    monkeypatch.setattr(Members, "__init__", noted)
    monkeypatch.setattr(Members, "train", refused)
    train(rows((64, 64, 64, 64)), epochs=3, callbacks=lambda: [Count()])
    assert seen == [[0], [0, 1, 2]]
    assert alive == [False]


def test_a_training_that_goes_on_times_both_modes_anew(monkeypatch: Any) -> None:
    class Timed:
        size = 2

        def train(self, epoch: int, active: Any) -> int:
            time.sleep(0.02)
            return epoch

        def regroup(self, size: int) -> None:
            self.size = size

        def footprint(self) -> int:
            return 0

    monkeypatch.setattr(modes, "WORTH_TRYING_S", 0.0)
    trial = modes.Trial(modes.Mode("auto", 2), lambda line: None)
    trained: Any = Timed()
    assert [trial.train(trained, epoch, 20, None) for epoch in (7, 8, 9)] == [7, 8, 9]
    assert trial.seconds >= 0.02
    assert trial.mode.reasons[-1].startswith("an epoch takes 0.0")


def test_a_device_that_does_not_tell_its_use_is_no_fault(monkeypatch: Any) -> None:
    faults: list[Any] = []
    monkeypatch.setattr(threading, "excepthook", faults.append)
    monkeypatch.setattr(devices, "QUERY", ("echo", "[N/A], 12"))
    with Watch() as watch:
        pass
    assert watch.facts() == {}
    assert faults == []


@pytest.mark.parametrize("faster", ["stacked", "sequential"])
def test_a_long_training_tries_the_other_mode_for_an_epoch_and_keeps_the_faster(
    train: Any, rows: Any, monkeypatch: Any, faster: str
) -> None:
    table = rows((64, 64, 64))
    whole = train(table, epochs=5)
    monkeypatch.setattr(modes, "WORTH_TRYING_S", 0.0)
    monkeypatch.setattr(modes, "CLEARLY", 1e9 if faster == "sequential" else 0.0)
    tried = train(table, epochs=5)
    assert tried.fitted.mode.name == faster
    assert "at once and" in tried.fitted.mode.reasons[-1]
    tried.same_as(whole)


TESTS = Path(fold_rows.__file__).parents[1]
FOUR_DEVICES = """
import sys
import numpy as np
from foldline.training.backend import use_backend
use_backend("jax")
import jax
sys.path.insert(0, sys.argv[1])
from builders.fold_rows import LAYOUT, TASKS, rows_of
from foldline.training.fit import fit
from foldline.training.fitting.settings import Fitting
from foldline.training.model_code import load_build_model, make_model

build = load_build_model("", open(sys.argv[2]).read())
fitted = fit(lambda: make_model(build, {}, LAYOUT, TASKS["binary"]), TASKS["binary"], rows_of((96, 64)), epochs=3,
             batch_size=16, learning_rate=0.01, seed=3, patience=2, say=lambda line: None)
variables = fitted.variables
np.savez(sys.argv[3], device=fitted.device, *variables.trainable, *variables.non_trainable, *fitted.predictions)
"""


@pytest.mark.parametrize("count", [1, 4])
def test_devices_share_each_batch_and_train_as_one_would(train: Any, rows: Any, tmp_path: Path, count: int) -> None:
    (tmp_path / "model.py").write_text(NORMALISED)
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(tmp_path),
        "XLA_FLAGS": f"--xla_force_host_platform_device_count={count}",
        "JAX_ENABLE_COMPILATION_CACHE": "false",
    }
    command = [sys.executable, "-c", FOUR_DEVICES, str(TESTS), str(tmp_path / "model.py"), str(tmp_path / "out.npz")]
    ended = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=600, check=False)
    assert ended.returncode == 0, ended.stderr[-2000:]
    one = train(rows((96, 64)), code=NORMALISED, epochs=3, patience=2).fitted
    with np.load(tmp_path / "out.npz") as stored:
        assert str(stored["device"]).startswith("4 x") == (count == 4)
        arrays = [stored[f"arr_{index}"] for index in range(len(stored.files) - 1)]
    expected = [*one.variables.trainable, *one.variables.non_trainable, *one.predictions]
    for got, wanted in zip(arrays, expected, strict=True):
        np.testing.assert_allclose(got, wanted, atol=1e-5)


def test_a_group_needs_only_its_own_rows(rows: Any) -> None:
    table: Rows = rows((30, 40, 50))
    part = table.of(slice(1, 2))
    assert part.folds == (1,)
    assert len(part.label) == 60
    for own, whole in ((part.training[0], table.training[1]), (part.validation[0], table.validation[1])):
        np.testing.assert_array_equal(part.features["numeric"][own], table.features["numeric"][whole])
        np.testing.assert_array_equal(part.label[own], table.label[whole])
