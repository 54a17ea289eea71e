"""The result of a search: put together, kept, and shown, the same whichever engine ran it."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from builders.browser import CHROMIUM, visit
from builders.searches import FOLDS, definition, realistic, trial
from foldline.artifacts import Task
from foldline.artifacts.search import Search
from foldline.errors import ArtifactError
from foldline.training.search.capabilities import check
from foldline.training.search.importance import importance
from foldline.training.search.page import search_page
from foldline.training.search.result import conclude
from foldline.training.search.settings import Settings
from foldline.training.search.trial import TrialRecord

BASE = Settings(hyperparameters={"depth": 2}, epochs=9, fitting={"optimizer": {"name": "sgd", "momentum": 0.9}})
WITHOUT = {"dropout": {"type": "float", "low": 0.0, "high": 0.5}, "width": {"type": "int", "low": 8, "high": 300}}


def concluded(trials: list[TrialRecord], folds: tuple[int, ...] = FOLDS, **fields: Any) -> Search:
    held_out = fields.pop("held_out", None)
    return conclude(
        check(definition(**fields), "optuna"),
        "optuna",
        trials,
        folds,
        task=Task("binary", ("no", "yes")),
        label="left",
        base=BASE,
        fold_fits=sum(len(one.fold_values) for one in trials),
        seconds=123.4,
        held_out=held_out,
        engine_facts={"ended": "all trials were made", "optuna": "5.0.0"},
        origin={"dataset": "sha256:0"},
    )


@pytest.fixture(scope="module")
def search() -> Search:
    return concluded(realistic())


@pytest.fixture(scope="module")
def page(search: Search, tmp_path_factory: pytest.TempPathFactory) -> str:
    return shown(search, tmp_path_factory.mktemp("page"))


def shown(search: Search, tmp_path: Path) -> str:
    search_page(search).write(tmp_path / "search.html")
    return (tmp_path / "search.html").read_text()


def test_a_search_is_read_as_it_was_written(search: Search, tmp_path: Path) -> None:
    search.write(tmp_path / "search")
    read = Search.read(tmp_path / "search")
    assert dataclasses.replace(read, digest="") == search
    assert [TrialRecord.from_json(content) for content in read.trials] == realistic()


def test_an_edited_search_is_refused(search: Search, tmp_path: Path) -> None:
    search.write(tmp_path / "search")
    manifest = tmp_path / "search" / "search.json"
    manifest.write_text(manifest.read_text().replace('"fold_fits": 104', '"fold_fits": 52'))
    with pytest.raises(ArtifactError, match="seal"):
        Search.read(tmp_path / "search")


def test_the_settings_of_the_winner_go_on(search: Search) -> None:
    parameters = search.best["parameters"]
    tuned = Settings.from_json(search.tuned)
    assert tuned == Settings.of(BASE, parameters)
    assert tuned.learning_rate == parameters["learning_rate"]
    assert tuned.hyperparameters == {"depth": 2} | {
        name: parameters[name] for name in ("dropout", "width", "hidden_units")
    }
    assert tuned.epochs == 9


def test_work_is_counted_against_all_trials_on_all_folds(search: Search) -> None:
    assert search.fold_fits == 104
    assert search.exhaustive_fold_fits == 200
    assert search.states() == {"abandoned": 1, "completed": 12, "failed": 3, "stopped": 24}
    assert search.summary()["trials_stopped"] == 24
    assert search.stopped_between_folds


def test_importance_finds_the_parameter_that_decides_and_counts_stopped_trials(search: Search) -> None:
    found = search.importance
    assert (found["method"], found["trials"], found["folds"]) == ("PED-ANOVA", 39, [0])
    assert next(iter(found["values"])) == "learning_rate"
    assert sum(found["values"].values()) == pytest.approx(1.0)
    assert set(found["values"]) == set(definition().space.names)


def test_importance_is_not_told_from_few_trials() -> None:
    few = importance([trial(number, [0.5]) for number in range(9)], definition(space=WITHOUT), (0,))
    assert few["values"] == {}


def test_importance_does_not_count_a_point_that_was_asked_for_again() -> None:
    trials = [
        trial(number, [0.5 + number / 100], parameters={"width": 8 + number, "dropout": 0.1}) for number in range(12)
    ]
    again = [dataclasses.replace(trials[0], number=12 + index, same_as=0) for index in range(5)]
    told = definition(space=WITHOUT)
    assert importance([*trials, *again], told, (0,)) == importance(trials, told, (0,))


@pytest.mark.parametrize(
    "said",
    [
        "left (binary), 40 trials of tpe by optuna, 5 folds",
        "104 of 200 that all trials on all folds take (52 %)",
        "selection score (roc_auc, mean over the folds it was chosen by)",
        "estimate for new rows",
        "Only folds that stopped no trial count for it",
        "one of 2 trials went on, the best so far (halving)",
        "Importance (PED-ANOVA)",
        "those of the folds that all of them have: 0.",
        "A line that passes an axis on its left is a trial without that parameter.",
        "Out of memory while trying to allocate",
        "loss not finite",
        "all trials were made",
    ],
)
def test_the_page_says(said: str, page: str) -> None:
    assert said in page


def test_the_page_of_a_held_out_fold_names_it(tmp_path: Path) -> None:
    four = [
        dataclasses.replace(one, fold_values={f: v for f, v in one.fold_values.items() if f < 4}) for one in realistic()
    ]
    page = shown(
        concluded(four, (0, 1, 2, 3), estimate="hold_out_fold", held_out={"fold": 4, "value": 0.77, "epochs": 12}),
        tmp_path,
    )
    assert "Fold 4 took no part in the search. The best trial, trained for 12 epochs" in page


def test_the_page_of_one_trial_on_one_fold_has_no_estimate_and_no_importance(tmp_path: Path) -> None:
    page = shown(concluded([trial(0, [0.8], parameters={"width": 20, "dropout": 0.1})], (0,), space=WITHOUT), tmp_path)
    assert "There is no estimate" in page
    assert "Importance takes at least 10 trials" in page
    assert "is the best itself" in page


def test_the_page_of_several_objectives_shows_their_front(tmp_path: Path) -> None:
    page = shown(concluded(realistic(), further_objectives=[{"metric": "parameters"}]), tmp_path)
    assert "No other is better in everything" in page
    assert "Every trial was trained on all folds." in page


def test_equal_scores_can_be_drawn(tmp_path: Path) -> None:
    trials = [trial(number, [0.8] * 5, parameters={"width": 20, "dropout": 0.1}) for number in range(12)]
    page = shown(concluded(trials, space=WITHOUT), tmp_path)
    assert "<svg" in page
    assert "Importance takes at least 10 trials with scores that differ" in page


@pytest.mark.skipif(CHROMIUM is None, reason="the Debian package chromium is not installed")
def test_the_page_is_quiet_in_a_browser_and_asks_for_nothing(search: Search, tmp_path: Path) -> None:
    search_page(search).write(tmp_path / "page" / "search.html")
    seen = visit(tmp_path / "page" / "search.html", tmp_path)
    assert seen.console == []
    assert seen.requests == []
