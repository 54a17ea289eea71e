"""The program of a trial's pod as a process, with a bucket of a real S3 server between it and the search."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest

from builders import s3
from foldline.training.places import place_of
from foldline.training.search.capabilities import KATIB, check
from foldline.training.search.definition import Definition
from foldline.training.search.settings import Settings
from foldline.training.search.trial import TrialRecord
from foldline.training.tune_on_katib.inputs import fetch_inputs, put_inputs
from foldline.training.tune_on_katib.records import OTHERS, SEARCH, Records, Task

STATE = "s3://searches/state"
NAME = "search-1-abc"
SEARCHED = {
    "space": {
        "learning_rate": {"type": "float", "low": 1e-4, "high": 0.1, "log": True},
        "dropout": {"type": "float", "low": 0.0, "high": 0.4, "step": 0.2},
        "hidden_units": {"type": "choice", "values": [[8], [4, 4]]},
    },
    "objective": {"metric": "roc_auc"},
    "stopping": {"rule": "worst_fold"},
}
WORDS = ["--p0=0.23", "--p1=1", "--p2=-1.5"]
LASTS_S = 3.0
# It is built once for each fold.
FAILING = f"""
import time
import keras

built = []

def build_model(inputs, dropout, hidden_units):
    built.append(hidden_units)
    if len(built) > 1:
        time.sleep({LASTS_S})
        raise RuntimeError("no such layer")
    return keras.Model(inputs.tensors, keras.layers.Dense(1, activation="sigmoid")(inputs.tensors["numeric"]))
"""
Ended = subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment of this process and of the trials, with a bucket in it."""
    with s3.server(tmp_path_factory.mktemp("s3")) as started, pytest.MonkeyPatch.context() as patch:
        for name, value in started.environment.items():
            patch.setenv(name, value)
        started.make_bucket("searches")
        yield dict(os.environ)


@pytest.fixture(scope="module")
def inputs(
    environment: dict[str, str], line_in: Callable[..., Any], table_of: Callable[..., Any],
    tmp_path_factory: pytest.TempPathFactory,
) -> str:  # fmt: skip
    """Address of the inputs of all trials."""
    line = line_in(tmp_path_factory.mktemp("line"), table_of(300, "binary"))
    return put_inputs({name: Path(line.path(name)) for name in ("dataset", "folds", "transform")}, STATE)


@pytest.fixture
def search(inputs: str, tmp_path: Path) -> Records:
    """A search that has begun."""
    return begun(inputs, f"{STATE}/{tmp_path.name}")


def begun(inputs: str, folder: str, model_code: str = "") -> Records:
    definition = check(Definition.parse(SEARCHED), KATIB)
    base = Settings(epochs=2, batch_size=32)
    records = Records(folder)
    records.begin(Task(definition.to_json(), base, "", model_code, 0, inputs))
    return records


def command(search: Records, folder: Path, words: list[str]) -> list[str]:
    program = [sys.executable, "-m", "foldline.training.tune_on_katib.trial"]
    return [*program, f"--search={search.folder}", f"--inputs={folder / 'inputs'}", f"--name={NAME}", *words]


def tried(environment: dict[str, str], search: Records, folder: Path, words: list[str] = WORDS) -> Ended:
    return subprocess.run(
        command(search, folder, words), env=environment, capture_output=True, text=True, check=False, timeout=240
    )


def kept(search: Records) -> tuple[TrialRecord, str]:
    """The trial's record, and whether it saw the others."""
    content = json.loads(place_of(search.folder, f"trials/{NAME}.json", os.environ).read() or b"{}")
    return TrialRecord.from_json(content["record"]), content["others"]


def scores(ended: Ended) -> list[float]:
    """What Katib's collector would read."""
    return [float(found) for found in re.findall(r"^score=(\S+)$", ended.stdout, re.MULTILINE)]


def test_a_trial_scores_its_point_by_all_folds(environment: dict[str, str], search: Records, tmp_path: Path) -> None:
    ended = tried(environment, search, tmp_path)
    assert ended.returncode == 0, ended.stderr
    record, saw = kept(search)
    assert record.parameters == {"dropout": 0.2, "hidden_units": [4, 4], "learning_rate": pytest.approx(10**-1.5)}
    assert (record.state, sorted(record.fold_values), saw) == ("completed", [0, 1, 2], "seen")
    assert all(0 <= epoch <= 2 for epoch in record.kept_epochs.values())
    assert scores(ended) == [pytest.approx(fmean(record.fold_values.values()))]


def test_a_trial_stops_between_folds_where_the_others_do_better(
    environment: dict[str, str], search: Records, tmp_path: Path
) -> None:
    far = TrialRecord(0, {}, "completed", fold_values={0: 1.0, 1: 1.0, 2: 1.0}, where="search-1-best")
    search.tell([far])
    ended = tried(environment, search, tmp_path)
    assert ended.returncode == 0, ended.stderr
    record, saw = kept(search)
    assert (record.state, sorted(record.fold_values), saw) == ("stopped", [0], "seen")
    assert scores(ended) == [pytest.approx(record.fold_values[0])]


def test_a_trial_that_cannot_see_the_others_has_all_folds_and_says_so(
    environment: dict[str, str], search: Records, tmp_path: Path
) -> None:
    place_of(search.folder, OTHERS, os.environ).write(b"{torn")
    ended = tried(environment, search, tmp_path)
    assert ended.returncode == 0, ended.stderr
    record, saw = kept(search)
    assert (record.state, sorted(record.fold_values), saw) == ("completed", [0, 1, 2], "unseen")
    assert "the other trials cannot be seen" in ended.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--p0=0.23", "--p1=2", "--p2=-1.5"], "word '2' of parameter 'hidden_units': expected a whole number from 0"),
        (["--p0=0.23", "--p1=1", "--p2=0.5"], "word '0.5' of parameter 'learning_rate': expected a number from -4"),
        (["--p0=0.23", "--p1=1"], "expected 3 values, got 2"),
        (["--p0=0.23", "--p1=1", "--q=3"], "expected --p0=value"),
    ],
    ids=["choice", "outside", "too-few", "unknown"],
)
def test_words_that_are_not_of_the_space_are_refused(
    environment: dict[str, str], search: Records, tmp_path: Path, words: list[str], message: str
) -> None:
    ended = tried(environment, search, tmp_path, words)
    assert (ended.returncode, scores(ended)) == (1, [])
    assert message in ended.stderr


def test_a_model_that_fails_is_a_failed_trial_with_its_reason_and_the_time_that_it_took(
    environment: dict[str, str], inputs: str, tmp_path: Path
) -> None:
    search = begun(inputs, f"{STATE}/failing", FAILING)
    ended = tried(environment, search, tmp_path)
    assert (ended.returncode, scores(ended)) == (1, [])
    record, _ = kept(search)
    assert (record.state, record.failure) == ("failed", "bug")
    assert "no such layer" in record.message
    assert list(record.fold_values) == [0]
    assert record.seconds > LASTS_S


def test_a_trial_that_is_killed_leaves_the_folds_that_it_had(
    environment: dict[str, str], search: Records, tmp_path: Path
) -> None:
    with subprocess.Popen(
        command(search, tmp_path, WORDS), env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        first = next(line for line in process.stdout if line.startswith("fold "))
        process.kill()
    record, _ = kept(search)
    assert record.state in ("abandoned", "completed")
    assert record.fold_values[0] == pytest.approx(float(first.split()[-1]), abs=1e-5)


def test_the_inputs_are_sent_once(environment: dict[str, str], inputs: str, tmp_path: Path) -> None:
    folder = tmp_path / "fetched"
    fetch_inputs(inputs, folder)
    folders = {name: folder / name for name in ("dataset", "folds", "transform")}
    assert put_inputs(folders, STATE) == inputs


def test_a_search_without_its_task_is_told(environment: dict[str, str], search: Records, tmp_path: Path) -> None:
    place_of(search.folder, SEARCH, os.environ).remove()
    ended = tried(environment, search, tmp_path)
    assert ended.returncode == 1
    assert f"search at {search.folder}: expected search.json" in ended.stderr
