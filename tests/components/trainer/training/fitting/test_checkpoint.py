"""A killed training goes on and ends with the same bytes."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from builders import fold_rows
from foldline.errors import ArgumentError
from foldline.training.fitting.checkpoint import Checkpoint

TESTS = Path(fold_rows.__file__).parents[1]
CHILD = """
import sys
from pathlib import Path
from foldline.training.backend import use_backend
use_backend("jax")
here, folder, out, mode = sys.argv[1:]
sys.path.insert(0, here)
import numpy as np
import time
from builders.fold_rows import LAYOUT, TASKS, rows_of
from foldline.training.fit import fit
from foldline.training.fitting.checkpoint import Checkpoint
from foldline.training.fitting.settings import Fitting
from foldline.training.model_code import load_build_model, make_model

task = TASKS["binary"]
build = load_build_model("", "")
given = {"hidden_units": [8], "dropout": 0.3}

def say(line):
    print(line, flush=True)
    time.sleep(0.2)

fitted = fit(lambda: make_model(build, given, LAYOUT, task), task, rows_of((96, 64)), epochs=12, batch_size=16,
             learning_rate=0.02, seed=3, patience=12, mode=mode, say=say, each_epoch=True,
             checkpoint=Checkpoint(folder, {"test": mode}, {}, say) if folder else None)
variables = fitted.variables
np.savez(out, *variables.trainable, *variables.non_trainable, *fitted.predictions, np.array(fitted.training_loss),
         np.array(fitted.validation_loss), np.array(fitted.kept), *sum(fitted.each_epoch, []))
"""


def child(folder: str, out: Path, mode: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", CHILD, str(TESTS), folder, str(out), mode]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def arrays(path: Path) -> list[Any]:
    with np.load(path) as stored:
        return [stored[f"arr_{index}"] for index in range(len(stored.files))]


@pytest.mark.parametrize("mode", ["stacked", "sequential"])
def test_a_training_killed_between_epochs_ends_with_the_same_bytes(tmp_path: Path, mode: str) -> None:
    whole = child("", tmp_path / "whole.npz", mode)
    assert whole.wait(timeout=600) == 0
    folder = tmp_path / "checkpoints"
    killed = child(str(folder), tmp_path / "never.npz", mode)
    assert killed.stdout is not None
    for line in killed.stdout:
        if line.startswith("epoch 6/") and list(folder.glob("*.npz")):
            break
    os.kill(killed.pid, signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL
    assert not (tmp_path / "never.npz").exists()
    resumed = child(str(folder), tmp_path / "resumed.npz", mode)
    said, _ = resumed.communicate(timeout=600)
    assert resumed.returncode == 0
    assert "continued after epoch" in said
    assert "epoch 1/12" not in said
    expected, got = arrays(tmp_path / "whole.npz"), arrays(tmp_path / "resumed.npz")
    assert len(got) == len(expected)
    for one, other in zip(got, expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_checkpoint_serves_only_the_training_that_it_is_of(tmp_path: Path) -> None:
    first = Checkpoint(str(tmp_path), {"seed": 1}, {})
    first.save({"epoch": 3}, [np.arange(3)])
    assert Checkpoint(str(tmp_path), {"seed": 2}, {}).load() is None
    found = Checkpoint(str(tmp_path), {"seed": 1}, {}).load()
    assert found is not None
    assert found[0]["epoch"] == 3
    np.testing.assert_array_equal(found[1][0], np.arange(3))
    first.remove()
    assert Checkpoint(str(tmp_path), {"seed": 1}, {}).load() is None


def test_numbers_that_numpy_does_not_know_come_back_to_the_bit(tmp_path: Path) -> None:
    import jax.numpy as jnp

    given = [np.arange(3), jnp.array([1.5, -0.25, 3e30], jnp.bfloat16), jnp.array(2.0, jnp.bfloat16)]
    Checkpoint(str(tmp_path), {}, {}).save({}, given)
    found = Checkpoint(str(tmp_path), {}, {}).load()
    assert found is not None
    for one, other in zip(found[1], given, strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, np.asarray(other))


def test_a_deterministic_training_goes_on_with_as_many_models_at_a_time(train: Any, rows: Any, tmp_path: Path) -> None:
    table = rows((64, 48, 64))
    checkpoint = Checkpoint(str(tmp_path), {}, {})
    given = {"epochs": 4, "checkpoint": checkpoint, "fitting": {"deterministic": True}}
    train(table, mode="2", **given)
    assert list(tmp_path.glob("*.npz"))
    resumed = train(table, mode="auto", **given)
    assert "continued after epoch" in resumed.lines[0]
    assert resumed.fitted.mode.size == 2
    assert "2 at a time, as before the checkpoint" in resumed.fitted.mode.reasons


def test_a_torn_checkpoint_is_said_and_training_begins_anew(tmp_path: Path) -> None:
    lines: list[str] = []
    checkpoint = Checkpoint(str(tmp_path), {"seed": 1}, {}, lines.append)
    checkpoint.save({"epoch": 3}, [np.arange(3000)])
    (path,) = tmp_path.glob("*.npz")
    path.write_bytes(path.read_bytes()[:900])
    assert checkpoint.load() is None
    assert "training begins anew" in lines[0]


def test_writing_takes_a_small_part_of_the_time(tmp_path: Path) -> None:
    checkpoint = Checkpoint(str(tmp_path), {}, {})
    assert checkpoint.due
    checkpoint.save({}, [np.zeros(4_000_000)])
    assert not checkpoint.due
    deadline = time.monotonic() + 120
    while not checkpoint.due and time.monotonic() < deadline:
        time.sleep(0.05)
    assert checkpoint.due


def test_a_checkpoint_lies_in_a_bucket_too(s3: Any) -> None:
    checkpoint = Checkpoint(f"s3://{s3.bucket}/checkpoints", {"seed": 1}, s3.environment)
    assert checkpoint.load() is None
    checkpoint.save({"epoch": 2}, [np.arange(4)])
    found = checkpoint.load()
    assert found is not None
    np.testing.assert_array_equal(found[1][0], np.arange(4))
    checkpoint.remove()
    assert checkpoint.load() is None


def test_a_bucket_that_is_not_there_is_told(s3: Any) -> None:
    with pytest.raises(
        ArgumentError, match=r"checkpoint_uri: expected a bucket .* got s3://no-such-bucket/.*NoSuchBucket"
    ):
        Checkpoint("s3://no-such-bucket/x", {}, s3.environment).save({}, [np.arange(3)])


def test_a_checkpoint_of_other_variables_is_said_and_training_begins_anew(
    train: Any, rows: Any, tmp_path: Path
) -> None:
    table = rows((64, 48))
    checkpoint = Checkpoint(str(tmp_path), {}, {})
    notes = {
        "epoch": 1,
        "training_loss": [[1.0, 1.0]],
        "validation_loss": [],
        "steepest": [[1.0, 1.0]],
        "each_epoch": 0,
    }
    checkpoint.save(notes, [np.zeros(3)])
    trained = train(table, checkpoint=checkpoint)
    assert trained.lines[0] == "the checkpoint is of a model with other variables: training begins anew"
    trained.same_as(train(table), tolerance=0.0)
