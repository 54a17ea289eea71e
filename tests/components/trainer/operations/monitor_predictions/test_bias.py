"""Prediction bias and its interval."""

import numpy as np
import pytest

from builders.monitored import BINARY, CLASSES, VALUE
from foldline.artifacts import Task
from foldline.operations.monitor_predictions.bias import bias

SIMULATIONS, ROWS = 2000, 400


def drawn(task: Task, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels, predictions, and by how much the latter are off on the average."""
    if task.kind == "regression":
        truth = random.normal(10.0, 3.0, ROWS)
        return truth, truth[:, None] + random.normal(0.5, 2.0, (ROWS, 1)), np.array([0.5])
    if task.kind == "binary":
        chance = random.beta(2.0, 5.0, ROWS)
        return (random.random(ROWS) < chance).astype(float), chance[:, None] + 0.03, np.array([0.03])
    chance = random.dirichlet([3.0, 2.0, 1.0], ROWS)
    label = (random.random((ROWS, 1)) > np.cumsum(chance, axis=1)[:, :-1]).sum(axis=1)
    off = np.array([0.02, -0.02, 0.0])
    return label.astype(float), chance + off, off


@pytest.mark.parametrize("task", [BINARY, CLASSES, VALUE], ids=lambda task: task.kind)
def test_all_intervals_at_once_hold_the_bias_as_often_as_they_say(task: Task) -> None:
    random = np.random.default_rng(0)
    held = 0
    for _ in range(SIMULATIONS):
        label, said, off = drawn(task, random)
        found = bias(task, label, said)
        held += all(one.lower <= true <= one.upper for one, true in zip(found, off, strict=True))
    assert abs(held / SIMULATIONS - 0.95) < 3.0 * np.sqrt(0.95 * 0.05 / SIMULATIONS) + 0.005


def test_the_bias_is_what_was_predicted_less_what_happened() -> None:
    (found,) = bias(BINARY, np.array([1.0, 0.0, 0.0, 1.0]), np.array([[0.9], [0.5], [0.4], [0.6]]))
    assert (found.name, found.predicted, found.observed) == ("yes", pytest.approx(0.6), 0.5)
    assert found.difference == pytest.approx(0.1)
    assert found.lower < 0.1 < found.upper
