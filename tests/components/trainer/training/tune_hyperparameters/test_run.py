"""`tune_hyperparameters` on whole artifacts, with its processes: what it finds, writes, refuses and survives."""

import json
import os
import random
import re
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from builders import s3
from builders.search_runs import RATE, arguments, found, started
from foldline.artifacts.training import Training
from foldline.errors import ArgumentError, FoldlineError
from foldline.training.search import fields
from foldline.training.tune_hyperparameters.run import run

# Processes begin, each with its imports.
pytestmark = pytest.mark.timeout(1500)
PATIENCE_S = 600.0
SMALL = {"trials": 6, "parallel_trials": 3}
CODE = """
import os
import keras

def build_model(inputs, width=8, trouble=""):
    if trouble == "raise":
        raise ValueError("a model of the user's fails")
    if trouble == "kill":
        os.kill(os.getpid(), 9)
    hidden = keras.layers.Dense(int(width), activation="relu")(inputs.tensors["numeric"])
    scale = float("nan") if trouble == "nan" else 1.0
    output = keras.layers.Dense(inputs.units, activation=inputs.activation)(hidden * scale)
    return keras.Model(inputs.tensors, output)
"""


def told(given: dict[str, Any]) -> tuple[dict[str, float], dict[str, Any]]:
    """Metrics and figures of a search in this process."""
    logged: dict[str, float] = {}
    described: dict[str, Any] = {}
    run(**given, log_metric=logged.__setitem__, describe=described.update)
    return logged, described


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory, line_in: Callable[..., Any]) -> Any:
    """A table with a curved label, which no linear model predicts."""
    source = np.random.default_rng(3)
    values = source.normal(size=(400, 2))
    label = (values[:, 0] * values[:, 1] > 0) ^ (source.random(400) < 0.05)
    table = pa.table({"east": values[:, 0], "north": values[:, 1], "label": label})
    return line_in(tmp_path_factory.mktemp("line"), table, n_folds=4)


def waited(process: "subprocess.Popen[bytes]", condition: Callable[[], bool], log: Path) -> None:
    """Until the condition holds or the process has ended."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition() and process.poll() is None:
        assert time.monotonic() < deadline, log.read_text()[-3000:]
        time.sleep(0.05)


def test_a_search_writes_result_page_and_settings_that_train_folds_takes(line: Any, tmp_path: Path) -> None:
    definition = {
        "space": {"learning_rate": RATE, "dropout": {"type": "choice", "values": [0.1, 0.4]}},
        "budget": SMALL,
    }
    logged, described = told(arguments(line, tmp_path, definition, hyperparameters={"hidden_units": [8.0]}))
    result = found(tmp_path)
    assert len(result.trials) == logged["trials"] == described["trials"] == 6
    assert result.fold_fits == logged["fold_fits"] == sum(len(trial["fold_values"]) for trial in result.trials) < 24
    best = result.trials[result.best["number"]]
    assert list(best["fold_values"]) == ["0", "1", "2", "3"]
    assert json.loads((tmp_path / "tuned.json").read_text()) == result.tuned
    assert result.tuned["learning_rate"] == best["parameters"]["learning_rate"]
    assert result.tuned["hyperparameters"]["dropout"] == best["parameters"]["dropout"]
    assert result.engine_facts["ended"] == "all trials have ended"
    assert "<svg" in (tmp_path / "report.html").read_text()
    assert not list(tmp_path.glob("search-*"))
    # As KFP hands it over, and before any setting of the training itself.
    winner = json.loads(json.dumps(result.tuned), parse_int=float)
    line.train_folds("winner-", tuned=winner, hyperparameters={"hidden_units": [99]}, epochs=1, learning_rate=1.0)
    trained = Training.read(Path(line.path("winner-training")))
    assert trained.learning_rate == best["parameters"]["learning_rate"]
    assert trained.hyperparameters.items() >= result.tuned["hyperparameters"].items()
    assert (trained.most_epochs, trained.batch_size) == (2, 64)
    # Another one begins with it.
    budget = {"trials": 2, "parallel_trials": 2}
    warm = definition | {"warm_start_uri": str(tmp_path / "search"), "budget": budget}
    told(arguments(line, tmp_path / "second", warm))
    second = found(tmp_path / "second")
    assert second.trials[0]["parameters"] == result.best["parameters"]
    assert len(second.trials) == 2


@pytest.mark.parametrize(
    ("given", "fault", "message"),
    [
        ({"definition": {"space": {"widht": RATE}}}, ArgumentError, "hyperparameters 'widht': expected those that"),
        (
            {"definition": {"space": {"learning_rate": RATE}, "algorithm": {"name": "cmaes"}}},
            ArgumentError,
            "at least two parameters",
        ),
        (
            {"definition": {"space": {"learning_rate": RATE}, "objective": {"metric": "rmse"}}},
            ArgumentError,
            "since the task is binary",
        ),
        (
            {"definition": {"space": {"learning_rate": RATE}, "warm_start_uri": "/nowhere"}},
            ArgumentError,
            "field 'warm_start_uri' of the search: expected a folder with search.json",
        ),
    ],
)
def test_what_is_wrong_is_said_before_the_first_trial(
    given: dict[str, Any], fault: type[FoldlineError], message: str, line: Any, tmp_path: Path
) -> None:
    with pytest.raises(fault, match=message):
        told(arguments(line, tmp_path, **given))
    assert not (tmp_path / "search").exists()


def test_failures_are_told_apart_and_blame_no_other_trial(line: Any, tmp_path: Path) -> None:
    troubles = ["", "raise", "kill", "nan"]
    definition = {
        "space": {"trouble": {"type": "choice", "values": troubles}},
        "algorithm": {"name": "grid"},
        "budget": {"trials": 4, "parallel_trials": 4},
        "failures_allowed": 0.9,
        "try_first": [{"trouble": ""}],
    }
    told(arguments(line, tmp_path, definition, model_code=CODE, hyperparameters={"width": 4}))
    by_trouble = {trial["parameters"]["trouble"]: trial for trial in found(tmp_path).trials}
    assert {name: trial["failure"] for name, trial in by_trouble.items()} == {
        "": "",
        "raise": "bug",
        "kill": "out_of_memory",
        "nan": "not_finite",
    }
    assert by_trouble["raise"]["message"].endswith("a model of the user's fails.")
    assert found(tmp_path).best["parameters"] == {"trouble": ""}


def test_the_held_out_fold_has_no_part_in_the_choice_and_scores_the_winner(line: Any, tmp_path: Path) -> None:
    definition = {"space": {"learning_rate": RATE}, "budget": SMALL, "estimate": "hold_out_fold"}
    told(arguments(line, tmp_path, definition))
    result = found(tmp_path)
    assert result.folds == [0, 1, 2]
    assert all("3" not in trial["fold_values"] for trial in result.trials)
    assert (result.estimate["method"], result.estimate["fold"]) == ("hold_out_fold", 3)
    assert 0.0 <= result.estimate["value"] <= 1.0


def test_a_key_press_ends_the_search_with_the_best_so_far_and_the_same_command_goes_on(
    line: Any, tmp_path: Path
) -> None:
    definition = {"space": {"learning_rate": RATE}, "budget": {"trials": 6, "parallel_trials": 3}}
    given, log = arguments(line, tmp_path, definition), tmp_path / "log"
    process = started(given, log)
    waited(process, lambda: "best roc_auc" in log.read_text(), log)
    # As a terminal does, to all of the group.
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(PATIENCE_S) == 130, log.read_text()[-3000:]
    assert "SIGINT was received: the result is the best so far" in log.read_text()
    early = found(tmp_path)
    assert early.engine_facts["ended"] == "SIGINT was received"
    assert started(given, log).wait(PATIENCE_S) == 0, log.read_text()[-3000:]
    result = found(tmp_path)
    assert len(result.trials) == 6
    before = {fields.text_of(trial["parameters"]): trial for trial in early.trials}
    for trial in result.trials[: len(early.trials)]:
        known = before[fields.text_of(trial["parameters"])]["fold_values"]
        assert {fold: trial["fold_values"][fold] for fold in known} == known


def test_a_search_that_is_killed_goes_on_from_its_bucket_in_an_empty_folder(
    line: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    definition = {"space": {"learning_rate": RATE}, "budget": {"trials": 6, "parallel_trials": 3}}
    with s3.server(tmp_path) as store:
        store.make_bucket("searches")
        for name, value in store.environment.items():
            monkeypatch.setenv(name, value)
        first, second = (
            arguments(line, tmp_path / name, definition, checkpoint_uri="s3://searches/mine")
            for name in ("first", "second")
        )
        log = tmp_path / "first.log"
        process = started(first, log)
        waited(process, lambda: "fold 1 of 4" in log.read_text(), log)
        process.kill()
        process.wait()
        (journal,) = store.objects("searches").values()
        assert not (tmp_path / "first").exists()
        log = tmp_path / "second.log"
        assert started(second, log).wait(PATIENCE_S) == 0, log.read_text()[-3000:]
        assert re.search(r"continued with [36] of 6 trials begun", log.read_text())
        assert store.objects("searches") == {}
    trials = found(tmp_path / "second").trials
    assert len({fields.text_of(trial["parameters"]) for trial in trials}) == len(trials) == 6
    known = [entry for entry in map(json.loads, journal.splitlines()) if "fold:" in str(entry.get("user_attr"))]
    assert len(known) >= 3
    for entry in known:
        ((name, told_then),) = entry["user_attr"].items()
        assert trials[entry["trial_id"]]["fold_values"][name.removeprefix("fold:")] == told_then["result"]["value"]


def test_ten_kills_at_random_moments_lose_no_trial_and_repeat_no_point(line: Any, tmp_path: Path) -> None:
    definition = {
        "space": {"learning_rate": RATE, "dropout": {"type": "float", "low": 0.1, "high": 0.5}},
        "budget": {"trials": 8, "parallel_trials": 4},
        "seed": 1,
    }
    given, log = arguments(line, tmp_path, definition), tmp_path / "log"
    source = random.Random(5)
    kills = 0
    while kills < 10:
        journal = next(tmp_path.glob("search-*/journal.jsonl"), None)
        grown = journal.stat().st_size if journal else 0
        wanted = grown + source.choice([0, 0, 0, 1, 1, 600])
        process = started(given, log)

        def further(wanted: int = wanted) -> bool:
            return any(path.stat().st_size >= wanted for path in tmp_path.glob("search-*/journal.jsonl"))

        waited(process, further, log)
        time.sleep(source.uniform(0.0, 0.2))
        if process.poll() is not None:
            # On a fast machine there may be nothing left to kill.
            break
        process.kill()
        process.wait()
        kills += 1
    assert started(given, log).wait(PATIENCE_S) == 0, log.read_text()[-3000:]
    result = found(tmp_path)
    assert [trial["number"] for trial in result.trials] == list(range(8))
    assert len({fields.text_of(trial["parameters"]) for trial in result.trials}) == 8
    assert {trial["state"] for trial in result.trials} <= {"completed", "stopped"}
    whole = arguments(line, tmp_path / "whole", definition)
    told(whole)
    for one, other in zip(result.trials, found(tmp_path / "whole").trials, strict=True):
        assert one["parameters"] == other["parameters"]
        assert one["fold_values"] == pytest.approx(other["fold_values"], abs=5e-3)
    assert re.search(r"continued with \d of 8 trials begun", log.read_text())
