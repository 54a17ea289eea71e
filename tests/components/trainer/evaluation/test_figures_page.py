"""The page of out-of-fold figures shows them, and says what each interval is of."""

from pathlib import Path

import numpy as np
import pytest

from foldline.artifacts import Assignment, Predictions, Task
from foldline.evaluation.figures import mean_test_ratio, other_folds, out_of_fold_figures
from foldline.evaluation.figures_page import show_classification, show_metrics
from foldline.evaluation.metrics import score
from foldline.evaluation.plots import show_confusion, show_residuals
from foldline.report import Page, number

TASKS = [Task("binary", ("on time", "late")), Task("multiclass", ("blue", "green", "red")), Task("regression")]


def shown(task: Task, folder: Path, n_folds: int = 4, classes: int = 0) -> tuple[str, dict]:
    """The page as text, and the figures on it."""
    random = np.random.default_rng(1)
    rows = 30 * n_folds
    fold = np.arange(rows) % n_folds
    assignment = Assignment(test=fold < 0, fold=fold[None], forward=False, n_folds=n_folds)
    label = (np.arange(rows) // n_folds % (classes or max(2, len(task.classes)))).astype(np.float32)
    if task.outputs > 1:
        prediction = random.dirichlet([1.0] * task.outputs, rows)
    else:
        prediction = np.clip(0.3 * label + 0.7 * random.random(rows), 0.0, 1.0)[:, None]
    predictions = Predictions.write(
        folder / "predictions",
        task=task,
        row_id=np.arange(rows),
        fold=fold,
        label=label,
        prediction=prediction.astype(np.float32),
        origin={},
    )
    scores = [score(task, label[fold == one], prediction[fold == one]) for one in range(n_folds)]
    figures = out_of_fold_figures(predictions, scores, other_folds(assignment), mean_test_ratio(assignment))
    summary = {name: float(np.mean([one[name] for one in scores])) for name in scores[0]}
    page = Page("Title")
    show_metrics(page, figures, range(n_folds), scores, summary)
    if task.is_classification:
        show_classification(page, figures, predictions)
        show_confusion(page, predictions)
    else:
        show_residuals(page, predictions)
    page.write(folder / "page.html")
    return (folder / "page.html").read_text(), figures


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.kind)
def test_every_metric_stands_with_both_intervals_and_what_they_are_of(task: Task, tmp_path: Path) -> None:
    page, figures = shown(task, tmp_path)
    for kind in ("resampled", "bootstrap"):
        assert figures[kind]["estimand"] in page
        for name, interval in figures[kind]["intervals"].items():
            assert f"<td>{name}</td>" in page
            assert f"<td>{number(interval['lower'])} to {number(interval['upper'])}</td>" in page
    assert page.count("fold 3") >= 1
    assert "<svg" in page
    assert ("Threshold" in page, "Calibration" in page) == (task.kind == "binary", task.is_classification)
    assert ("Confusion matrix" in page, "Residuals" in page) == (task.is_classification, not task.is_classification)


def test_threshold_and_calibration_stand_with_their_figures(tmp_path: Path) -> None:
    page, figures = shown(TASKS[0], tmp_path)
    assert f"called positive above {number(figures['threshold']['value'])}" in page
    for value in figures["threshold"]["metrics"].values():
        assert f'<td class="number">{number(value)}</td>' in page
    for name, values in figures["calibration"]["figures"].items():
        cells = "".join(f'<td class="number">{number(value)}</td>' for value in values.values())
        assert f"<tr><td>{name}</td>{cells}</tr>" in page
    for one in figures["calibration"]["bins"]["none"]:
        assert f"<td>{number(one['lower'])} to {number(one['upper'])}</td>" in page


def test_many_folds_are_shown_by_the_lowest_and_the_highest(tmp_path: Path) -> None:
    page, _ = shown(TASKS[2], tmp_path, n_folds=12)
    assert "lowest fold" in page
    assert "fold 11" not in page


def test_a_class_without_rows_is_named(tmp_path: Path) -> None:
    assert "No row is of class red" in shown(TASKS[1], tmp_path, classes=2)[0]
