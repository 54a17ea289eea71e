"""Figures of out-of-fold predictions: what is in them for each task, and that they are plain values."""

import json
from pathlib import Path

import numpy as np
import pytest

from foldline.artifacts import Assignment, Predictions, Task
from foldline.evaluation.figures import mean_test_ratio, other_folds, out_of_fold_figures
from foldline.evaluation.metrics import score
from foldline.evaluation.resampled import corrected_interval

TASKS = [Task("binary", ("no", "yes")), Task("multiclass", ("blue", "green", "red")), Task("regression")]


def assigned(fold: np.ndarray, n_folds: int, *, forward: bool = False) -> Assignment:
    fold = np.atleast_2d(fold)
    return Assignment(test=np.zeros(fold.shape[1], dtype=bool), fold=fold, forward=forward, n_folds=n_folds)


def predicted(task: Task, label: np.ndarray, prediction: np.ndarray, fold: np.ndarray, repeats: int = 1) -> Predictions:
    """Predictions of as many rows as there are labels for a repeat; those of repeats after each other."""
    return Predictions(
        path=Path("never-written"),
        task=task,
        row_id=np.tile(np.arange(len(label) // repeats), repeats),
        repeat=np.repeat(np.arange(repeats), len(label) // repeats),
        fold=fold,
        label=label,
        prediction=prediction,
        origin={},
    )


@pytest.mark.parametrize("forward", [False, True], ids=["random", "forward"])
@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.kind)
def test_each_task_has_its_figures(task: Task, forward: bool) -> None:
    random = np.random.default_rng(1)
    rows = 400
    assignment = assigned(np.arange(rows) % 4, 3 if forward else 4, forward=forward)
    label = random.integers(0, max(2, len(task.classes)), rows).astype(np.float32)
    prediction = random.dirichlet([1.0] * task.outputs, rows) if task.outputs > 1 else random.random((rows, 1))
    used = np.isin(assignment.fold[0], assignment.predicted_folds)
    label, prediction, fold = label[used], prediction[used], assignment.fold[0, used]
    scores = [score(task, label[fold == one], prediction[fold == one]) for one in assignment.predicted_folds]
    ratio = mean_test_ratio(assignment)
    found = out_of_fold_figures(predicted(task, label, prediction, fold), scores, other_folds(assignment), ratio)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert ("threshold" in found, "calibration" in found) == (task.kind == "binary", task.is_classification)
    for name in scores[0]:
        values = [one[name] for one in scores]
        expected = corrected_interval(values, ratio)
        resampled, drawn = found["resampled"]["intervals"][name], found["bootstrap"]["intervals"][name]
        assert resampled["value"] == pytest.approx(np.mean(values)) == pytest.approx(drawn["value"])
        assert resampled["standard_error"] == pytest.approx(expected.standard_error)
        low, high = (-np.inf if name == "r2" else -1.0 if name == "kappa" else 0.0), np.inf
        assert resampled["lower"] == pytest.approx(max(low, expected.lower))
        assert resampled["upper"] == pytest.approx(min(1.0 if name in ("r2", "roc_auc") else high, expected.upper))


def test_choices_for_a_fold_are_made_on_folds_that_its_model_was_trained_on() -> None:
    assert other_folds(assigned(np.arange(3), 3)) == {0: (1, 2), 1: (0, 2), 2: (0, 1)}
    twice = assigned(np.array([[0, 1, 2], [4, 3, 5]]), 3)
    assert {fold: others for fold, others in other_folds(twice).items() if fold > 2} == {
        3: (4, 5),
        4: (3, 5),
        5: (3, 4),
    }
    assert other_folds(assigned(np.arange(4), 3, forward=True)) == {1: (), 2: (1,), 3: (1, 2)}


def test_the_ratio_is_the_mean_of_the_folds() -> None:
    fold = np.repeat([0, 1, 2], [10, 20, 30])
    assert mean_test_ratio(assigned(fold, 3)) == pytest.approx((10 / 50 + 20 / 40 + 30 / 30) / 3)
    assert mean_test_ratio(assigned(fold, 2, forward=True)) == pytest.approx((20 / 10 + 30 / 30) / 2)


def test_one_scored_fold_has_no_interval_over_folds_and_no_calibration() -> None:
    label, prediction = np.arange(40) % 2, np.linspace(0.1, 0.9, 40)[:, None]
    found = out_of_fold_figures(
        predicted(TASKS[0], label, prediction, np.ones(40)), [score(TASKS[0], label, prediction)], {1: ()}, 1.0
    )
    assert set(found) == {"confidence", "bootstrap", "threshold"}
    assert found["threshold"]["metrics"] == {}


def test_groups_are_drawn_together_and_said() -> None:
    random = np.random.default_rng(3)
    group = np.repeat(np.arange(20), 20)
    label = random.normal(size=20)[group]
    predictions = predicted(TASKS[2], label, np.zeros((400, 1)), group % 2)
    given = (predictions, [{"rmse": 1.0}] * 2, {0: (1,), 1: (0,)}, 1.0)
    rows, groups = out_of_fold_figures(*given), out_of_fold_figures(*given, group=group)
    assert "over groups of rows" in groups["bootstrap"]["method"]
    assert "over rows" in rows["bootstrap"]["method"]
    errors = [found["bootstrap"]["intervals"]["rmse"]["standard_error"] for found in (rows, groups)]
    assert errors[1] > 2 * errors[0]


def test_repeats_add_folds_to_the_interval_over_folds_and_no_rows_to_the_others() -> None:
    random = np.random.default_rng(4)
    label = random.integers(0, 2, 300).astype(np.float32)
    prediction = np.clip(0.3 * label + 0.7 * random.random(300), 0, 1)[:, None]
    fold = np.arange(300) % 3
    twice = np.tile(label, 2), np.tile(prediction, (2, 1)), np.r_[fold, 3 + random.permutation(fold)]
    found = []
    for repeats, (truth, said, own) in enumerate(((label, prediction, fold), twice), start=1):
        predictions = predicted(TASKS[0], truth, said, own, repeats)
        scores = [score(TASKS[0], truth[own == one], said[own == one]) for one in range(3 * repeats)]
        others = other_folds(assigned(own.reshape(repeats, -1), 3))
        found.append(out_of_fold_figures(predictions, scores, others, 0.5))
    once, again = found
    for name, interval in again["bootstrap"]["intervals"].items():
        # The same predictions said twice are no more evidence than once.
        assert interval["standard_error"] == pytest.approx(
            once["bootstrap"]["intervals"][name]["standard_error"], rel=0.2
        )
    assert "over rows" in again["bootstrap"]["method"]
    assert "6 folds" in again["resampled"]["method"]
    assert len(again["threshold"]["of_folds"]) == 6
    assert sum(one["rows"] for one in again["calibration"]["bins"]["none"]) == 300
