"""The fold trainer: what is trained together, what a trial scores, and what is said of one that fails."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from foldline.errors import ArgumentError, FoldlineError, ModelCodeError
from foldline.training.fit import fit
from foldline.training.fitting import stack
from foldline.training.search import folds, sizes
from foldline.training.search.definition import Definition
from foldline.training.search.folds import FoldTrainer
from foldline.training.search.settings import Settings

RATE = {"type": "float", "low": 1e-4, "high": 0.1, "log": True}
BASE = Settings({"hidden_units": [8], "dropout": 0.2}, epochs=3, batch_size=64, patience=2)
CODE = """
import keras

def build_model(inputs, scale=1.0):
    if scale > 5:
        raise MemoryError("too large")
    hidden = keras.layers.Dense(4, activation="relu")(inputs.tensors["numeric"] * scale)
    return keras.Model(inputs.tensors, keras.layers.Dense(1, activation="sigmoid")(hidden))
"""


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory, line_in: Callable[..., Any]) -> Any:
    source = np.random.default_rng(3)
    values = source.normal(size=(400, 2))
    label = (values[:, 0] * values[:, 1] > 0) ^ (source.random(400) < 0.05)
    table = pa.table({"east": values[:, 0], "north": values[:, 1], "label": label})
    # Of equal sizes; -1 is held out.
    return line_in(tmp_path_factory.mktemp("line"), table, n_folds=4, fold=np.arange(400) % 5 - 1)


def trainer(line: Any, document: dict[str, Any], base: Settings = BASE, code: str = "", model: str = "") -> FoldTrainer:
    definition = Definition.parse({"space": {"learning_rate": RATE}} | document, line.task)
    paths = (line.path(name) for name in ("dataset", "folds", "transform"))
    return FoldTrainer.read(*paths, definition, base, model, code, 0)


def test_points_that_differ_in_rate_decay_and_dropout_are_one_program_and_score_as_each_alone(line: Any) -> None:
    document = {"further_objectives": [{"metric": "accuracy"}], "constraints": [{"metric": "parameters", "at_most": 9}]}
    given = trainer(line, document)
    points = [
        Settings.of(BASE, {"learning_rate": 0.02, "dropout": 0.1}),
        Settings.of(BASE, {"learning_rate": 0.03, "hidden_units": [4]}),
        Settings.of(BASE, {"learning_rate": 0.01, "dropout": 0.4, "fitting.optimizer.weight_decay": 0.01}),
        Settings.of(BASE, {"batch_size": 32}),
        Settings.of(BASE, {"epochs": 2}),
    ]
    assert given.together(points) == [[0, 2], [1], [3], [4]]
    stacked = given.train([points[0], points[2]], 1)
    alone = [given.train([points[index]], 1)[0] for index in (0, 2)]
    for one, other in zip(stacked, alone, strict=True):
        assert one.value == pytest.approx(other.value, abs=5e-3)
        assert one.kept_epoch == other.kept_epoch
        assert set(one.other_values) == {"accuracy", "parameters"}
        assert one.other_values["parameters"] == other.other_values["parameters"] == 2 * 8 + 8 + 8 + 1 + 2
    assert stacked[0].value != stacked[1].value


def test_points_in_a_stack_that_others_have_left_score_as_each_alone(
    line: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained: list[int] = []

    def counted(make_model: Any, task: Any, rows: Any, **given: Any) -> Any:
        trained.append(len(rows.folds))
        return fit(make_model, task, rows, **given)

    monkeypatch.setattr(folds, "fit", counted)
    monkeypatch.setattr(sizes, "COMPILATION_S", 1000.0)
    points = [Settings.of(BASE, {"learning_rate": rate}) for rate in (0.02, 0.01, 0.03)]
    given, apart = trainer(line, {}), trainer(line, {})
    for live in (points, points[:1]):
        results = given.train(live, 1)
        assert len(results) == len(live)
        for point, result in zip(live, results, strict=True):
            (alone,) = apart.train([point], 1)
            assert result.value == pytest.approx(alone.value, abs=5e-3)
            assert result.kept_epoch == alone.kept_epoch
    assert [count for count in trained if count > 1] == [3, 3]


POINTS = [
    {"learning_rate": 0.02, "dropout": 0.1},
    {"learning_rate": 0.01, "dropout": 0.4},
    {"learning_rate": 0.03, "dropout": 0.3},
    {"learning_rate": 0.05, "dropout": 0.2},
]
SCHEDULE = {"fitting.schedule.name": "cosine"}
ADAMW = {"fitting.optimizer.name": "adamw"}
DECAYS = [point | ADAMW | {"fitting.optimizer.weight_decay": 0.1 * number} for number, point in enumerate(POINTS, 1)]


def values(results: Any) -> list[Any]:
    """What of results does not depend on the time."""
    return [replace(result, seconds=0.0) for result in results]


@pytest.mark.parametrize(
    ("cohort", "then"),
    [
        (POINTS[:1], POINTS[:1]),
        (POINTS[:2], POINTS[2:]),
        ([point | SCHEDULE for point in POINTS[:2]], [point | SCHEDULE for point in POINTS[2:]]),
        (DECAYS[:2], DECAYS[2:]),
    ],
    ids=["one", "another cohort", "schedule", "decay"],
)
def test_programs_are_traced_once_and_score_as_those_that_are_traced_anew_to_the_last_bit(
    cohort: list[dict[str, Any]], then: list[dict[str, Any]], line: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    traced: list[str] = []
    for name in ("train_epoch", "evaluate_rows"):
        monkeypatch.setattr(stack, name, noted(getattr(stack, name), traced))
    points, others = ([Settings.of(BASE, point) for point in own] for own in (cohort, then))
    given = trainer(line, {"budget": {"trials": 8, "parallel_trials": 2}})
    rungs = [(points, 0), (points, 1), (others, 0), (others, 1)]
    found = [given.train(*rung) for rung in rungs]
    assert traced == ["train_epoch", "evaluate_rows"]
    for own, rung in list(zip(found, rungs, strict=True))[1::2]:
        assert not any(result.failure for result in own)
        assert values(own) == values(trainer(line, {}).train(*rung))
    assert values(found[0]) != values(found[1])


def noted(function: Callable[..., Any], names: list[str]) -> Callable[..., Any]:
    def called(*given: Any, **more: Any) -> Any:
        names.append(function.__name__)
        return function(*given, **more)

    return called


def test_points_of_other_programs_have_a_stack_of_their_own(line: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    kinds = [
        {"learning_rate": 0.05},
        {"learning_rate": 0.05, "batch_size": 32},
        {"learning_rate": 0.05, "hidden_units": [4]},
        {"learning_rate": 0.05} | SCHEDULE,
        {"learning_rate": 0.05, "epochs": 2} | SCHEDULE,
        {"fitting.optimizer.weight_decay": 0.5} | ADAMW,
        {"fitting.optimizer.weight_decay": 0.1} | ADAMW,
    ]
    stacks: list[Any] = []

    def no_training(*given: Any, stack_of: Callable[..., Any], **more: Any) -> None:
        stacks.append(stack_of(object))
        raise MemoryError("of a training only its stack counts here")

    monkeypatch.setattr(folds, "fit", no_training)
    given = trainer(line, {"budget": {"trials": 14, "parallel_trials": 14}})
    for _ in range(2):
        for kind in kinds:
            # Two of them in one stack; as that fails, each by itself.
            given.train([Settings.of(BASE, kind)] * 2, 1)
    assert len(stacks) == 3 * len(kinds) * 2
    assert len(set(stacks)) == 2 * len(kinds)


def test_a_number_of_epochs_is_trained_without_an_early_stop(line: Any) -> None:
    given = trainer(line, {})
    (result,) = given.train([replace(BASE, learning_rate=0.1)], 0, epochs=2)
    assert result.kept_epoch == 2
    (none,) = given.train([BASE], 0, epochs=0)
    assert none.kept_epoch == 0


def test_a_fold_that_is_held_out_has_no_part_in_where_models_begin(line: Any) -> None:
    whole, held = trainer(line, {}), trainer(line, {"estimate": "hold_out_fold"})
    assert held.folds == whole.folds == (0, 1, 2, 3)
    assert all(not result.failure for fold in (0, 3) for result in held.train([BASE], fold))


@pytest.mark.parametrize(
    ("point", "failure", "message"),
    [
        ({"scale": float("nan")}, "not_finite", "loss"),
        ({"scale": 9.0}, "out_of_memory", "too large"),
        ({"batch_size": 100_000}, "bug", "batch_size"),
        ({"fitting.optimizer.name": "adamm"}, "bug", "optimizer"),
    ],
)
def test_what_failed_is_told_and_the_others_score(point: dict[str, Any], failure: str, message: str, line: Any) -> None:
    base = Settings(epochs=1, batch_size=64)
    given = trainer(line, {}, base, CODE)
    points = [base, Settings.of(base, point)]
    good, bad = given.train(points, 0)
    assert (good.failure, bad.failure) == ("", failure)
    assert message in bad.message
    assert np.isnan(bad.value)


@pytest.mark.parametrize(
    ("given", "fault", "message"),
    [
        ({"document": {"space": {"widht": RATE}}}, ArgumentError, "hyperparameters 'widht'"),
        ({"document": {}, "model": "nowhere:build"}, ModelCodeError, "'nowhere'"),
        ({"document": {}, "base": replace(BASE, batch_size=10_000)}, ArgumentError, "batch_size: expected 1 to"),
        ({"document": {}, "base": replace(BASE, patience=0)}, ArgumentError, "patience"),
    ],
)
def test_what_no_trial_could_be_trained_with_is_said_when_it_is_read(
    given: dict[str, Any], fault: type[FoldlineError], message: str, line: Any
) -> None:
    with pytest.raises(fault, match=message):
        trainer(line, **given)


def test_the_parent_needs_neither_jax_nor_keras() -> None:
    import subprocess
    import sys

    script = "import sys, foldline.training.tune_hyperparameters.run; print({'jax', 'keras'} & set(sys.modules))"
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=Path("/"))
    assert ended.stdout.strip() == "set()"
