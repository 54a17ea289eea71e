"""`train_folds` on whole artifacts: what it writes, how good it is, what it refuses."""

import json
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from sklearn import datasets
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from foldline.artifacts import CategoricalFeature, Layout, Predictions, Task
from foldline.artifacts.training import Training
from foldline.errors import ArtifactError, FoldlineError, TrainingError
from foldline.evaluation.metrics import score
from foldline.evaluation.threshold import best_threshold
from foldline.training.rows import check_features, scale_of
from foldline.training.train_folds.scores import mean_and_standard_error, score_folds


def test_every_training_row_is_predicted_by_its_own_fold(trained: Any) -> None:
    predictions = Predictions.read(trained.folder / "predictions")
    used = ~trained.folds.test
    own = dict(zip(trained.folds.row_id[used].tolist(), trained.folds.fold[0, used].tolist(), strict=True))
    assert dict(zip(predictions.row_id.tolist(), predictions.fold.tolist(), strict=True)) == own
    table = trained.dataset.table(["label"])
    label = dict(zip(table["row_id"].to_pylist(), table["label"].to_pylist(), strict=True))
    assert [label[row] for row in predictions.row_id.tolist()] == [bool(value) for value in predictions.label]
    assert predictions.origin["kind"] == "out_of_fold"
    assert predictions.origin["dataset"] == trained.dataset.digest
    assert predictions.origin["folds"] == trained.folds.digest


def test_the_figures_are_those_of_the_predictions(trained: Any) -> None:
    training = Training.read(trained.folder / "training")
    predictions = Predictions.read(trained.folder / "predictions")
    for fold, scores in zip(training.folds, training.fold_metrics, strict=True):
        own = predictions.fold == fold
        assert scores == pytest.approx(score(trained.task, predictions.label[own], predictions.prediction[own]))
    values = [scores["roc_auc"] for scores in training.fold_metrics]
    assert training.metrics["roc_auc"] == pytest.approx(np.mean(values))
    assert training.metrics["roc_auc_standard_error"] == pytest.approx(np.std(values, ddof=1) / np.sqrt(3))
    assert trained.logged == training.metrics
    for kind in ("resampled", "bootstrap"):
        for name, interval in training.figures[kind]["intervals"].items():
            assert interval["value"] == pytest.approx(training.metrics[name])
            assert interval["lower"] <= interval["value"] <= interval["upper"]
    assert best_threshold(predictions.label, predictions.prediction[:, 0]) == training.figures["threshold"]["value"]
    rows = [one["rows"] for one in training.figures["calibration"]["bins"]["none"]]
    assert (len(rows), sum(rows)) == (10, len(predictions.label))
    # Epoch 0, the linear start, is validated too.
    assert len(training.curves["training"]) == len(training.curves["validation"]) - 1 == 3
    ((rates, _, thresholds),) = trained.curves
    assert rates[0] == 0.0
    assert rates[-1] == 1.0
    assert np.isfinite(thresholds).all()
    ((categories, matrix),) = trained.matrices
    assert categories == ["false", "true"]
    assert np.sum(matrix) == len(predictions.label)


def test_the_report_shows_each_fold_and_loads_nothing(trained: Any) -> None:
    page = (trained.folder / "folds.html").read_text()
    for said in ("fold 0", "fold 2", "standard error", "new training", "Threshold", "Calibration", "<svg"):
        assert said in page
    assert "<script" not in page
    assert not re.search(r'(src|href)="http', page)


def test_an_edited_training_is_refused(trained: Any, tmp_path: Path) -> None:
    content = json.loads((trained.folder / "training" / "training.json").read_text())
    content["epochs"] += 1
    (tmp_path / "training.json").write_text(json.dumps(content))
    with pytest.raises(ArtifactError, match=r"field seal of .*training\.json"):
        Training.read(tmp_path)


def bundled(name: str) -> pa.Table:
    data = getattr(datasets, f"load_{name}")()
    columns = {f"column {index}": data.data[:, index] for index in range(data.data.shape[1])}
    return pa.table(columns | {"label": data.target})


def linear_scores(line: Any) -> list[dict[str, float]]:
    """The out-of-fold scores of a linear model on imputed, standardised and one-hot features."""
    table = line.dataset.table()
    features = table.drop_columns(["label", "row_id"])
    assignment = line.folds.align(np.asarray(table["row_id"]), line.dataset.digest)
    words = [field.name for field in features.schema if pa.types.is_string(field.type)]
    numbers = [name for name in features.column_names if name not in words]
    columns = [*(features[name].cast(pa.float64()).to_numpy() for name in numbers)]
    columns += [features[name].fill_null("missing").to_numpy(zero_copy_only=False) for name in words]
    values = np.array(columns, dtype=object).T
    numeric, textual = list(range(len(numbers))), list(range(len(numbers), len(columns)))
    label = line.task.encode(table["label"])
    scores = []
    for fold in assignment.predicted_folds:
        seen, own = assignment.training_rows(fold), assignment.validation_rows(fold)
        prepared = make_column_transformer(
            (make_pipeline(SimpleImputer(), StandardScaler()), numeric),
            (OneHotEncoder(handle_unknown="ignore"), textual),
        )
        last = LogisticRegression(max_iter=2000) if line.task.is_classification else Ridge()
        linear = make_pipeline(prepared, last).fit(values[seen], label[seen])
        if line.task.is_classification:
            prediction = linear.predict_proba(values[own])[:, -line.task.outputs :]
        else:
            prediction = linear.predict(values[own])[:, None]
        scores.append(score(line.task, label[own], prediction))
    return scores


def linear(rows: int, columns: int, noise: float, *, classes: bool) -> pa.Table:
    """The sum of ten columns and noise, or its sign, is the label; the other columns say nothing."""
    random = np.random.default_rng(1)
    values = random.normal(size=(rows, columns))
    target = values[:, :10].sum(axis=1) + noise * random.normal(size=rows)
    named = {f"column {index}": values[:, index] for index in range(columns)}
    return pa.table(named | {"label": target > 0 if classes else target})


TABLES = {
    **{name: partial(bundled, name) for name in ("iris", "breast_cancer", "wine", "diabetes")},
    "more columns than training rows": partial(linear, 400, 450, 1.0, classes=False),
    "wide": partial(linear, 400, 300, 3.0, classes=False),
    "wide, two classes": partial(linear, 400, 300, 1.0, classes=True),
    "long": partial(linear, 1000, 60, 3.0, classes=False),
    "hardly any signal": partial(linear, 1000, 60, 12.0, classes=False),
}


@pytest.mark.parametrize("name", ["mixed", *TABLES])
def test_the_default_model_is_not_far_below_a_linear_one(
    name: str, line_of: Callable[..., Any], table_of: Callable[..., pa.Table]
) -> None:
    line = line_of(table_of(300, "binary", seed=7) if name == "mixed" else TABLES[name](), n_folds=5)
    line.train_folds(epochs=50)
    metric = "roc_auc" if line.task.is_classification else "r2"
    linear = np.mean([scores[metric] for scores in linear_scores(line)])
    assert line.logged[metric] > linear - 0.03


@pytest.mark.parametrize(("pace", "started"), [(0.0, True), (5.0, False)])
def test_a_pace_of_ones_own_begins_at_zero(pace: float, started: bool, trained: Any) -> None:
    trained.train_folds(to=f"pace-{pace}-", hyperparameters={"pace": pace}, epochs=1)
    training = Training.read(trained.folder / f"pace-{pace}-training")
    assert (training.start_penalty > 0.0) is started
    assert training.hyperparameters["pace"] == (1.0 if started else pace)


def test_a_shuffled_label_is_not_predicted(line_of: Callable[..., Any], table_of: Callable[..., pa.Table]) -> None:
    table = table_of(1000, "binary", seed=3)
    shuffled = table["label"].take(pa.array(np.random.default_rng(11).permutation(table.num_rows)))
    line = line_of(table.set_column(table.column_names.index("label"), "label", shuffled), n_folds=5)
    line.train_folds(epochs=8)
    assert abs(line.logged["roc_auc"] - 0.5) < 3 * line.logged["roc_auc_standard_error"]


def test_forward_chaining_trains_on_earlier_folds_only(
    line_of: Callable[..., Any], table_of: Callable[..., pa.Table]
) -> None:
    table = table_of(240, "regression")
    fold = np.r_[np.repeat(np.arange(4), 50), np.full(40, -1)]
    line = line_of(table, n_folds=3, fold=fold, forward=True)
    line.train_folds(epochs=2)
    training, predictions = Training.read(line.folder / "training"), Predictions.read(line.folder / "predictions")
    assert training.folds == [1, 2, 3]
    assert training.batch_size == 16
    assert np.array_equal(np.unique(predictions.fold, return_counts=True), ([1, 2, 3], [50, 50, 50]))
    assert 100.0 < predictions.prediction.mean() < 300.0


def test_repeats_are_trained_and_scored_as_folds_of_their_own(
    line_of: Callable[..., Any], table_of: Callable[..., pa.Table]
) -> None:
    random = np.random.default_rng(5)
    fold = np.stack([first + random.permutation(np.arange(200) % 2) for first in (0, 2, 4)])
    fold[:, :40] = -1
    line = line_of(table_of(200, "binary"), n_folds=2, fold=fold)
    line.train_folds(epochs=2)
    training, predictions = Training.read(line.folder / "training"), Predictions.read(line.folder / "predictions")
    assert training.folds == [0, 1, 2, 3, 4, 5]
    assert predictions.repeat.tolist() == (predictions.fold // 2).tolist()
    expected = np.sort(line.folds.row_id[~line.folds.test])
    for repeat in range(3):
        assert np.array_equal(np.sort(predictions.of_repeat(repeat).row_id), expected)
    values = [scores["roc_auc"] for scores in training.fold_metrics]
    assert training.metrics["roc_auc"] == pytest.approx(np.mean(values))
    interval = training.figures["resampled"]["intervals"]["roc_auc"]
    scored = np.array([(fold == one).sum() for one in range(6)])
    ratio = np.mean(scored / (160 - scored))
    assert interval["standard_error"] == pytest.approx(np.std(values, ddof=1) * np.sqrt(1 / 6 + ratio))
    ((_, matrix),) = line.matrices
    assert np.sum(matrix) == 160


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"epochs": 0}, "epochs: expected at least 1, got 0"),
        ({"patience": 0}, "patience: expected at least 1, got 0"),
        ({"batch_size": -1}, "batch_size: expected at least 0, got -1"),
        ({"seed": -1}, "seed: expected at least 0, got -1"),
        ({"learning_rate": 0.0}, "learning_rate: expected a number above 0, got 0.0"),
        ({"learning_rate": float("nan")}, "learning_rate: expected a number above 0, got nan"),
        ({"hyperparameters": {"width": 3}}, "hyperparameters 'width': expected those that build_model accepts"),
        ({"model": "nowhere:build_model"}, "module 'nowhere'"),
        ({"batch_size": 10_000}, "batch_size: expected 1 to .*, the training rows of the smallest fold, got 10000"),
    ],
)
def test_a_wrong_parameter_is_named_before_anything_is_written(trained: Any, given: dict, message: str) -> None:
    with pytest.raises(FoldlineError, match=message):
        trained.train_folds(to="refused-", **given)
    assert not (trained.folder / "refused-training").exists()


def test_a_fold_that_cannot_be_scored_is_told_before_it_is_trained(
    line_of: Callable[..., Any], table_of: Callable[..., pa.Table], capsys: pytest.CaptureFixture[str]
) -> None:
    table = table_of(200, "binary")
    late = table["label"].to_numpy()
    fold = np.arange(200) % 2
    fold[np.flatnonzero(~late)[:5]] = 2
    line = line_of(table, fold=fold)
    with pytest.raises(TrainingError, match="fold 2, rows to score: expected rows of at least two classes"):
        line.train_folds()
    assert "epoch" not in capsys.readouterr().out


@pytest.mark.parametrize(("forward", "place"), [(False, "the rows of fold 0"), (True, "the training rows of fold 1")])
def test_a_fold_whose_rows_do_not_count_is_named(
    line_of: Callable[..., Any], table_of: Callable[..., pa.Table], forward: bool, place: str
) -> None:
    fold = np.arange(200) % 3
    table = table_of(200, "regression").append_column("w", pa.array((fold > 0).astype(float)))
    line = line_of(table, fold=fold, n_folds=2 if forward else 3, forward=forward, exclude_columns=("w",))
    with pytest.raises(TrainingError, match=f"weights of {place}: expected some above 0, got 0 in every row"):
        line.train_folds(fitting={"weight_column": "w"})


def test_folds_of_another_dataset_are_refused(
    trained: Any, line_of: Callable[..., Any], table_of: Callable[..., pa.Table]
) -> None:
    other = line_of(table_of(300, "binary", seed=9))
    (other.folder / "transform").rename(other.folder / "own-transform")
    (other.folder / "transform").symlink_to(trained.folder / "transform")
    with pytest.raises(ArtifactError, match=r"field dataset_digest of .*transform.json"):
        other.train_folds()


@pytest.mark.parametrize(("label", "missing"), [([0, 1, 1], "'c'"), ([0, 0, 0], "'b', 'c'")])
def test_a_class_that_a_fold_is_not_trained_on_is_named(label: list[int], missing: str) -> None:
    with pytest.raises(TrainingError, match=f"label in the training rows of fold 4: .* got none of class {missing}"):
        scale_of(Task("multiclass", ("a", "b", "c")), np.array(label, dtype=np.float32), 4)


def test_a_constant_regression_label_is_refused() -> None:
    with pytest.raises(TrainingError, match="label in all training rows: expected different finite values"):
        scale_of(Task("regression"), np.full(5, 3.0, dtype=np.float32), -1)


def test_features_that_no_model_can_take_are_named() -> None:
    layout = Layout(("distance", "seats"), (CategoricalFeature("carrier", 3),))
    good = {"numeric": np.zeros((4, 2), np.float32), "categorical": np.zeros((4, 1), np.int32)}
    check_features(good, layout, 0)
    bad = good | {"numeric": np.array([[0, 1], [0, np.nan], [0, np.inf], [0, 0]], np.float32)}
    with pytest.raises(TrainingError, match=r"feature 'seats' under the transform of fold 2: .* got 2 rows with NaN"):
        check_features(bad, layout, 2)
    beyond = good | {"categorical": np.array([[0], [3], [1], [0]], np.int32)}
    with pytest.raises(
        TrainingError, match=r"feature 'carrier' under the final transform: expected indices in \[0, 3\)"
    ):
        check_features(beyond, layout, -1)


def test_a_fold_that_cannot_be_scored_is_named(trained: Any) -> None:
    label, prediction = np.ones(5, np.float32), np.full((5, 1), 0.5, np.float32)
    with pytest.raises(TrainingError, match="fold 7, rows to score: expected rows of at least two classes"):
        score_folds(trained.task, [7], [label], [prediction])


def test_one_fold_has_no_standard_error() -> None:
    assert mean_and_standard_error([{"rmse": 2.0}]) == {"rmse": 2.0}
    assert mean_and_standard_error([{"rmse": 1.0}, {"rmse": 3.0}]) == {
        "rmse": 2.0,
        "rmse_standard_error": pytest.approx(1.0),
    }
