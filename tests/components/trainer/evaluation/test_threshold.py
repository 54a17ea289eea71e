"""The threshold: best on the rows that choose it, judged on rows that did not."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from sklearn import metrics as sk

from foldline.artifacts import Task
from foldline.evaluation.per_row import predicted_class
from foldline.evaluation.threshold import best_threshold, choose_threshold

BINARY = Task("binary", ("no", "yes"))
OTHERS = {fold: tuple(other for other in range(3) if other != fold) for fold in range(3)}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 6)), min_size=2, max_size=30))
def test_no_threshold_between_predictions_has_a_larger_balanced_accuracy(rows: list[tuple[int, int]]) -> None:
    label, probability = (np.array(values, dtype=np.float32) for values in zip(*rows, strict=True))
    label[:2], probability = (0, 1), probability / 6
    chosen = best_threshold(label, probability)
    found = sk.balanced_accuracy_score(label, probability > chosen)
    distinct = np.unique(probability)
    for other in (distinct[:-1] + distinct[1:]) / 2:
        assert found >= sk.balanced_accuracy_score(label, probability > other) - 1e-9
    assert chosen not in distinct or len(distinct) == 1


@pytest.mark.parametrize(
    ("label", "probability", "expected"),
    [
        ([0, 0, 1, 1], [0.1, 0.2, 0.6, 0.9], 0.4),
        ([0, 1, 1, 1], [0.1, 0.5, 0.6, 0.9], 0.3),
        ([0, 1], [0.25, 0.25], 0.25),
    ],
    ids=["halfway-between-the-classes", "whatever-their-shares", "constant"],
)
def test_the_threshold_of_rows_in_order(label: list[int], probability: list[float], expected: float) -> None:
    assert best_threshold(np.array(label), np.array(probability)) == pytest.approx(expected)


def test_the_best_threshold_of_calibrated_probabilities_is_about_the_share_of_positives() -> None:
    random = np.random.default_rng(1)
    probability = expit(random.normal(-2, 1, 200_000))
    label = random.random(200_000) < probability
    assert best_threshold(label, probability) == pytest.approx(label.mean(), abs=0.02)


def test_each_fold_is_judged_by_a_threshold_of_the_others() -> None:
    random = np.random.default_rng(2)
    fold = np.arange(600) % 3
    signal = random.normal(size=600)
    label = (random.random(600) < expit(2 * signal)).astype(np.float32)
    prediction = expit(signal - 1 + fold / 2)[:, None].astype(np.float32)
    found = choose_threshold(BINARY, label, prediction, fold, OTHERS)
    assert found.value == best_threshold(label, prediction[:, 0])
    scores: dict[str, list[float]] = {"balanced_accuracy": [], "precision": [], "recall": [], "f1": [], "kappa": []}
    for one in range(3):
        own = fold == one
        assert found.of_folds[one] == best_threshold(label[own], prediction[own, 0])
        threshold = best_threshold(label[~own], prediction[~own, 0])
        called = predicted_class(BINARY, prediction[own], threshold)
        assert (called == (prediction[own, 0] > threshold)).all()
        for name, values in scores.items():
            score = sk.cohen_kappa_score if name == "kappa" else getattr(sk, f"{name}_score")
            values.append(score(label[own], called))
    for name, values in scores.items():
        assert found.metrics[name] == pytest.approx(np.mean(values))
    assert found.of_folds[0] < found.of_folds[1] < found.of_folds[2]


def test_a_fold_without_others_is_judged_by_none() -> None:
    label, prediction = np.array([0, 1, 0, 1], np.float32), np.array([[0.1], [0.9], [0.6], [0.3]])
    fold = np.array([1, 1, 2, 2])
    found = choose_threshold(BINARY, label, prediction, fold, {1: (), 2: (1,)})
    assert found.metrics["balanced_accuracy"] == 0.0
    assert choose_threshold(BINARY, label, prediction, fold, {1: (), 2: ()}).metrics == {}
