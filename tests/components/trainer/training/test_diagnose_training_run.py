"""`diagnose_training` on whole artifacts: small tables whose diagnosis is known."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import log_loss

from foldline.artifacts import Decision
from foldline.errors import FoldlineError
from foldline.training.diagnose_training.run import run

MakeLine = Callable[..., Any]

# A diagnosis compiles a dozen programs.
pytestmark = pytest.mark.timeout(900)


def diagnose(line: Any, to: str = "", **given: Any) -> tuple[Decision, dict[str, float]]:
    logged: dict[str, float] = {}
    arguments = {
        "model": "",
        "model_code": "",
        "hyperparameters": {},
        "epochs": 4,
        "batch_size": 0,
        "learning_rate": 0.001,
        "patience": 2,
        "seed": 0,
        "fitting": {},
    } | given
    run(
        **{name: line.path(name) for name in ("dataset", "folds", "transform")},
        diagnosis=line.path(f"{to}diagnosis"),
        report=line.path(f"{to}diagnosis.html"),
        log_metric=logged.__setitem__,
        describe=line.described.update,
        **arguments,
    )
    return Decision.read(Path(line.path(f"{to}diagnosis"))), logged


MEMORY = """
import keras

def build_model(inputs):
    numeric = inputs.tensors["numeric"]
    hidden = keras.layers.Dense(256, activation="relu")(numeric)
    hidden = keras.layers.Dense(256, activation="relu")(hidden)
    output = keras.layers.Dense(inputs.units, activation=inputs.activation)(hidden)
    return keras.Model(inputs.tensors, output)
"""


def columns(rows: int, width: int, seed: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    values = np.random.default_rng(seed).normal(size=(rows, width))
    return values, {f"column {index}": values[:, index] for index in range(width)}


@pytest.fixture(scope="module")
def easy(line_in: MakeLine, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Decision, dict[str, float]]:
    """Two columns and noise: a linear start knows all from a few rows."""
    values, named = columns(1500, 2, seed=1)
    label = values.sum(axis=1) + np.random.default_rng(2).logistic(size=1500) > 0
    line = line_in(tmp_path_factory.mktemp("easy"), pa.table(named | {"label": label}), n_folds=3)
    return line, *diagnose(line)


def test_a_simple_table_has_enough_rows_and_no_variance(easy: tuple[Any, Decision, dict[str, float]]) -> None:
    line, found, logged = easy
    assert found.verdict == "high bias or noise; enough rows"
    assert found.reasons[0].startswith("High bias or noise: log_loss is ")
    assert logged["unseen_log_loss"] == found.figures["unseen"]
    assert logged["seen_log_loss"] < logged["constant_log_loss"]
    assert line.described["rows"] == "enough rows"


def test_the_largest_size_is_the_training_of_the_folds(easy: tuple[Any, Decision, dict[str, float]]) -> None:
    line, found, _ = easy
    largest = found.figures["learning_curve"][-1]
    line.train_folds(epochs=max(largest["best_epoch"], 1), patience=4)
    mean = np.mean([own["log_loss"] for own in largest["folds"]])
    assert mean == pytest.approx(line.logged["log_loss"], abs=5e-3)


def test_the_constant_is_the_shares_of_the_classes(easy: tuple[Any, Decision, dict[str, float]]) -> None:
    line, found, _ = easy
    table = line.dataset.table(["label"])
    assignment = line.folds.align(np.asarray(table["row_id"]), line.dataset.digest)
    label = line.task.encode(table["label"])
    wanted = []
    for fold in range(3):
        own = label[assignment.validation_rows(fold)]
        share = label[assignment.training_rows(fold)].mean()
        wanted.append(log_loss(own, np.full(len(own), share)))
    assert found.figures["constant"] == pytest.approx(np.mean(wanted), abs=1e-5)


def test_the_page_has_its_three_plots_and_loads_nothing(easy: tuple[Any, Decision, dict[str, float]]) -> None:
    page = Path(easy[0].path("diagnosis.html")).read_text()
    assert page.count("<figure>") == 3
    for said in ("Is there enough data?", "Bias and variance", "Size of the batches", "Recommended:", "x rows^-"):
        assert said in page
    assert "<script" not in page
    assert not re.search(r'(src|href)="http', page)


def test_batches_around_the_given_size_are_tried(easy: tuple[Any, Decision, dict[str, float]]) -> None:
    tried = easy[1].figures["batches"]
    assert [one["size"] for one in tried] == [16, 4, 8, 32, 64]
    assert all(one["seconds"] > 0 and one["epochs"] >= 1 for one in tried)


def test_a_model_that_learns_by_heart_has_high_variance_and_wants_rows(line_of: MakeLine) -> None:
    values, named = columns(500, 40, seed=3)
    label = values[:, :20].sum(axis=1) + np.random.default_rng(4).normal(size=500) > 0
    line = line_of(pa.table(named | {"label": label}))
    found, _ = diagnose(line, model_code=MEMORY, epochs=12, patience=12, batch_size=16)
    assert found.figures["fit"] == "high variance"
    assert found.figures["rows"] in ("more rows help", "undecided")
    assert found.figures["seen"] < found.figures["unseen"]
    errors = [np.mean([own["log_loss"] for own in size["folds"]]) for size in found.figures["learning_curve"]]
    assert errors[-1] < errors[0]


def test_noise_has_no_signal(line_of: MakeLine) -> None:
    _, named = columns(600, 5, seed=5)
    line = line_of(pa.table(named | {"label": np.random.default_rng(6).normal(size=600)}), n_folds=5)
    found, logged = diagnose(line, epochs=3)
    assert found.figures["fit"] == "no signal"
    assert logged["constant_rmse"] == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"epochs": 0}, "epochs: expected at least 1, got 0"),
        ({"patience": 0}, "patience: expected at least 1, got 0"),
        ({"seed": -1}, "seed: expected at least 0, got -1"),
        ({"hyperparameters": {"width": 3}}, "hyperparameters 'width': expected those that build_model accepts"),
        ({"fitting": {"optimiser": "sgd"}}, "field 'optimiser' of fitting"),
    ],
)
def test_a_wrong_parameter_is_named_before_anything_is_written(trained: Any, given: dict, message: str) -> None:
    with pytest.raises(FoldlineError, match=message):
        diagnose(trained, to="refused-", **given)
    assert not (trained.folder / "refused-diagnosis").exists()


def test_a_table_that_is_too_small_is_refused(line_of: MakeLine, table_of: Callable[..., pa.Table]) -> None:
    with pytest.raises(FoldlineError, match="training rows of the smallest fold: expected at least 64"):
        diagnose(line_of(table_of(90, "regression")))
