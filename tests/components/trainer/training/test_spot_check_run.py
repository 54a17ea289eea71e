"""`spot_check` on whole artifacts: who wins, what is refused, what is told of what did not work."""

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from foldline.artifacts import Decision
from foldline.errors import FoldlineError
from foldline.features.apply import AppliedTransform
from foldline.training.rows import TrainingTable
from foldline.training.spot_check import designs, estimators
from foldline.training.spot_check.families import Family
from foldline.training.spot_check.problem import Problem
from foldline.training.spot_check.run import run
from foldline.training.spot_check.trial import try_families

MakeLine = Callable[..., Any]

# Many processes begin, each with its imports.
pytestmark = pytest.mark.timeout(900)


def spot_check(line: Any, to: str = "", **given: Any) -> tuple[dict[str, Any], dict[str, float]]:
    """What the table says, as a dictionary, and the metrics."""
    logged: dict[str, float] = {}
    arguments = {"families": [], "rows_per_fit": 5000, "time_budget_s": 3000, "seed": 0} | given
    run(
        **{name: line.path(name) for name in ("dataset", "folds", "transform")},
        table=line.path(f"{to}table"),
        report=line.path(f"{to}spot.html"),
        log_metric=logged.__setitem__,
        describe=lambda figures: None,
        **arguments,
    )
    found = Decision.read(Path(line.path(f"{to}table")))
    return {"verdict": found.verdict, "reasons": found.reasons, **found.figures}, logged


def curved(rows: int) -> pa.Table:
    """Which quadrant of the plane: nothing for a linear model, easy for trees."""
    random = np.random.default_rng(5)
    values = random.normal(size=(rows, 2))
    label = (values[:, 0] * values[:, 1] > 0) ^ (random.random(rows) < 0.05)
    return pa.table({"east": values[:, 0], "north": values[:, 1], "label": label})


def straight(rows: int) -> pa.Table:
    """A sum of twenty columns and noise."""
    random = np.random.default_rng(6)
    values = random.normal(size=(rows, 20))
    named = {f"column {index}": values[:, index] for index in range(20)}
    return pa.table(named | {"label": values.sum(axis=1) + random.normal(size=rows)})


@pytest.fixture(scope="module")
def mixed(
    line_in: MakeLine, table_of: Callable[..., pa.Table], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Any, dict[str, Any], dict[str, float]]:
    """All families on a small table of numbers and text."""
    line = line_in(tmp_path_factory.mktemp("mixed"), table_of(300, "multiclass"))
    return line, *spot_check(line)


def test_all_families_are_compared_on_the_same_folds(mixed: tuple[Any, dict, dict]) -> None:
    _, table, logged = mixed
    assert {row["family"] for row in table["settings"]} == {
        "dummy", "linear", "forest", "boosting", "neighbours", "svm", "mlp",
    }  # fmt: skip
    assert [row["fault"] for row in table["settings"] if row["fault"]] == []
    for row in table["settings"]:
        values = [fold["log_loss"] for fold in row["folds"]]
        assert row["mean"] == pytest.approx(np.mean(values))
        assert row["standard_error"] == pytest.approx(np.std(values, ddof=1) / np.sqrt(3))
        assert row["fit_s"] > 0.0
    best = min(row["mean"] for row in table["settings"] if row["family"] == "linear")
    assert logged["linear_log_loss"] == pytest.approx(best)
    assert table["verdict"] != "dummy"
    assert table["flattery"] >= 0.0


def test_the_page_shows_families_settings_and_the_flattery_and_loads_nothing(mixed: tuple[Any, dict, dict]) -> None:
    page = Path(mixed[0].path("spot.html")).read_text()
    for said in ("nearest neighbours", "penalty 0.001", "the choice flatters by", "after Holm", "<svg"):
        assert said in page
    assert "<script" not in page
    assert not re.search(r'(src|href)="http', page)


def test_the_perceptron_has_the_score_that_training_of_folds_gives_it(mixed: tuple[Any, dict, dict]) -> None:
    line, table, _ = mixed
    line.train_folds(epochs=20, patience=3, hyperparameters={"hidden_units": [32]})
    (row,) = (row for row in table["settings"] if (row["family"], row["setting"]) == ("mlp", "32"))
    assert row["mean"] == pytest.approx(line.logged["log_loss"], abs=1e-4)


def stored(line: Any, folder: Path) -> tuple[Problem, TrainingTable]:
    table = TrainingTable.read(*(Path(line.path(name)) for name in ("dataset", "folds", "transform")))
    rows, scales = table.of_folds(lambda folder: AppliedTransform.load(folder).apply)
    folder.mkdir()
    standardised = tuple((scale.mean, scale.sd) for scale in scales)
    problem = Problem(folder, line.task, table.transform.layout, rows.folds, standardised, 120, seed=0)
    problem.store(rows.features, rows.label, rows.training, rows.validation)
    return problem, table


def test_scores_are_those_of_scikit_learn_on_the_transformed_rows(
    line_of: MakeLine, table_of: Callable[..., pa.Table], tmp_path: Path
) -> None:
    line = line_of(table_of(600, "binary"))
    problem, _ = stored(line, tmp_path / "shared")
    every = problem.features()
    features = np.concatenate([every["numeric"], every["categorical"]], axis=1)
    label = problem.label().astype(int)
    for index in range(3):
        seen, own = problem.training(index), problem.validation(index)
        boosted = HistGradientBoostingClassifier(
            max_leaf_nodes=7, max_iter=100, random_state=0, categorical_features=[len(problem.layout.numeric)]
        )
        wanted = roc_auc_score(label[own], boosted.fit(features[seen], label[seen]).predict_proba(features[own])[:, 1])
        make = partial(estimators.boosting, leaves=7, rate=0.1, rounds=100)
        (found,) = estimators.fit_fold(problem, index, make, designs.codes, False, 1)
        assert found.metrics["roc_auc"] == pytest.approx(wanted, abs=1e-9)
        assert found.rows == len(seen)
        (few,) = estimators.fit_fold(problem, index, partial(estimators.linear, penalty=0.01), designs.one_hot, True, 1)
        assert few.rows == 120
        part = problem.sample(index)
        values = np.eye(problem.layout.categorical[0].capacity)[every["categorical"][:, 0]]
        hot = np.concatenate([every["numeric"], values], axis=1)
        linear = LogisticRegression(C=1 / (0.01 * 120), max_iter=2000).fit(hot[part], label[part])
        wanted = roc_auc_score(label[own], linear.predict_proba(hot[own])[:, 1])
        assert few.metrics["roc_auc"] == pytest.approx(wanted, abs=2e-3)


@pytest.mark.parametrize(("table", "winner", "loser"), [(curved, "forest", "linear"), (straight, "linear", "forest")])
def test_the_family_that_fits_the_table_wins(
    table: Callable[[int], pa.Table], winner: str, loser: str, line_of: MakeLine
) -> None:
    found, _ = spot_check(line_of(table(700), n_folds=5), families=["linear", "forest"])
    assert found["verdict"] == winner
    worse = [row for row in found["settings"] if row["family"] == loser]
    assert all(row["p_value"] < 0.05 and row["behind"] > 0 for row in worse)
    assert "worse beyond chance" in " ".join(found["reasons"])


def test_nothing_beats_the_baseline_on_noise(line_of: MakeLine, table_of: Callable[..., pa.Table]) -> None:
    table = table_of(800, "binary", seed=3)
    shuffled = table["label"].take(pa.array(np.random.default_rng(8).permutation(table.num_rows)))
    line = line_of(table.set_column(table.column_names.index("label"), "label", shuffled), n_folds=5)
    found, _ = spot_check(line, families=["linear", "boosting", "neighbours", "svm"])
    assert found["verdict"] == "no signal"
    assert not any(row["beats_dummy"] for row in found["settings"])
    assert "No setting is better than the baseline" in found["reasons"][0]
    assert 'class="warn"' in Path(line.path("spot.html")).read_text()


def test_a_setting_that_fails_is_a_row_and_the_others_are_scored(
    line_of: MakeLine, table_of: Callable[..., pa.Table], tmp_path: Path
) -> None:
    problem, _ = stored(line_of(table_of(300, "regression")), tmp_path / "shared")
    wrong = partial(estimators.linear, penalty=-1.0)
    family = Family("linear", "ridge", {"wrong": wrong, "right": partial(estimators.linear, penalty=0.01)})
    said: list[str] = []
    failed, scored = try_families([family], problem, budget_s=3000, processors=2, say=said.append)
    assert "InvalidParameterError" in failed.fault
    assert failed.scores == []
    assert (scored.fault, len(scored.scores)) == ("", 3)
    assert [line for line in said if "linear, wrong: InvalidParameterError" in line]
    assert [line for line in said if re.search(r"linear, right: rmse [\d.]+, fits [\d.]+ s; \d+ s left", line)]


def test_what_the_time_does_not_suffice_for_is_named(
    line_of: MakeLine, table_of: Callable[..., pa.Table], tmp_path: Path
) -> None:
    problem, _ = stored(line_of(table_of(300, "binary")), tmp_path / "shared")
    family = Family("linear", "logistic", {"first": partial(estimators.linear, penalty=0.01)})
    (left_out,) = try_families([family], problem, budget_s=0.0, processors=2, say=lambda line: None)
    assert left_out.fault == "out of time: not fitted on every fold within 0 s for the family"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"families": ["trees"]}, "families: expected some of"),
        ({"rows_per_fit": 10}, "rows_per_fit: expected at least 50, got 10"),
        ({"time_budget_s": 0}, "time_budget_s: expected at least 1, got 0"),
        ({"seed": -1}, "seed: expected at least 0, got -1"),
    ],
)
def test_a_wrong_parameter_is_named_before_anything_is_written(trained: Any, given: dict, message: str) -> None:
    with pytest.raises(FoldlineError, match=message):
        spot_check(trained, to="refused-", **given)
    assert not (trained.folder / "refused-table").exists()
