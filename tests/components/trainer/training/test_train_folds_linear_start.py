"""The linear models that the default model begins with."""

from functools import partial
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge

from foldline.artifacts import CategoricalFeature, Layout, Task
from foldline.training.default_model import FURTHEST_INPUT, build_model
from foldline.training.fit import Fitted, Rows, fit
from foldline.training.linear_start import PACE, PENALTIES, LinearStart, affordable, best_linear_start, linear_start
from foldline.training.model_code import make_model

LAYOUT = Layout(("a", "b"), (CategoricalFeature("carrier", 3), CategoricalFeature("month", 2)))
TASKS = {
    "regression": Task("regression"),
    "binary": Task("binary", ("no", "yes")),
    "multiclass": Task("multiclass", ("x", "y", "z")),
}


def rows_of(task: Task, *, rows: int = 240, signal: float = 1.0, seed: int = 0) -> Rows:
    """Three folds of the same rows; a row's fold is its position modulo three."""
    random = np.random.default_rng(seed)
    numeric = random.normal(size=(rows, 2)).astype(np.float32)
    numeric[0, 0] = 1000.0
    categorical = np.column_stack([random.integers(0, 3, rows), random.integers(0, 2, rows)]).astype(np.int32)
    level = signal * (np.clip(numeric[:, 0], -10, 10) + categorical[:, 0]) + random.normal(size=rows)
    if task.is_classification:
        edges = np.quantile(level, np.linspace(0, 1, len(task.classes) + 1)[1:-1])
        label = np.searchsorted(edges, level).astype(np.float32)
    else:
        label = ((level - level.mean()) / level.std()).astype(np.float32)
    position = np.arange(rows, dtype=np.int32)
    folds = [position % 3 == fold for fold in range(3)]
    return Rows(
        (0, 1, 2),
        {"numeric": numeric, "categorical": categorical},
        label,
        tuple(position[~fold] for fold in folds),
        tuple(position[fold] for fold in folds),
    )


def fitted_from(start: LinearStart, rows: Rows, task: Task, **given: Any) -> Fitted:
    """The default model, trained from a start."""
    make = partial(make_model, build_model, {"pace": PACE}, LAYOUT, task)
    settings = {"learning_rate": 0.001, **given}
    return fit(make, task, rows, batch_size=16, seed=0, start=start.values, say=lambda line: None, **settings)


def design(rows: Rows) -> np.ndarray:
    numeric = np.clip(rows.features["numeric"], -FURTHEST_INPUT, FURTHEST_INPUT)
    first, second = rows.features["categorical"].T
    return np.column_stack([numeric, np.eye(3)[first], np.eye(2)[second]])


@pytest.mark.parametrize("kind", TASKS)
def test_the_model_begins_with_the_predictions_of_the_linear_one(kind: str) -> None:
    task, penalty = TASKS[kind], 0.1
    rows = rows_of(task)
    fitted = fitted_from(linear_start(rows, LAYOUT, task, penalty), rows, task, epochs=0)
    assert fitted.epochs == 0
    for fold, (training, validation) in enumerate(zip(rows.training, rows.validation, strict=True)):
        seen, own, label = design(rows)[training], design(rows)[validation], rows.label[training]
        if task.is_classification:
            peer = LogisticRegression(C=1.0 / (penalty * len(label)), max_iter=1000).fit(seen, label)
            expected = peer.predict_proba(own)[:, -task.outputs :]
        else:
            expected = Ridge(alpha=penalty * len(label)).fit(seen, label).predict(own)[:, None]
        assert np.allclose(fitted.predictions[fold], expected, atol=2e-3)


@pytest.mark.parametrize(("signal", "least", "most"), [(3.0, 1e-4, 0.03), (0.0, 1.0, 10.0)])
def test_a_penalty_is_chosen_that_the_signal_asks_for(signal: float, least: float, most: float) -> None:
    found = best_linear_start(rows_of(TASKS["regression"], signal=signal), LAYOUT, TASKS["regression"])
    assert least <= found.penalty <= most
    assert found.penalty in PENALTIES


def test_a_fold_does_not_see_its_own_labels() -> None:
    task, rows = TASKS["binary"], rows_of(TASKS["binary"])
    before = linear_start(rows, LAYOUT, task, 0.1).values
    changed = rows.label.copy()
    changed[rows.validation[1]] = 1.0 - changed[rows.validation[1]]
    after = linear_start(Rows(rows.folds, rows.features, changed, rows.training, rows.validation), LAYOUT, task, 0.1)
    for path, value in before.items():
        assert np.array_equal(value[1], after.values[path][1])
        assert not np.array_equal(value[0], after.values[path][0])


def test_the_start_is_kept_where_training_does_not_improve_on_it() -> None:
    task = TASKS["regression"]
    rows = rows_of(task, signal=0.0)
    start = best_linear_start(rows, LAYOUT, task)
    fitted = fitted_from(start, rows, task, epochs=5, learning_rate=0.05, patience=2)
    means = np.mean(fitted.validation_loss, axis=1)
    assert len(means) == len(fitted.training_loss) + 1
    assert fitted.epochs == np.argmin(means) == 0
    kept = [value for value in fitted.variables.trainable if value.shape == start.values["linear/kernel"].shape]
    assert any(np.array_equal(value, start.values["linear/kernel"]) for value in kept)


@pytest.mark.parametrize(
    ("columns", "capacity", "rows", "expected"),
    [(300, 2, 400, True), (60, 2, 100_000, True), (300, 2, 100_000, False), (20, 4000, 200_000, False)],
)
def test_large_tables_begin_at_zero(columns: int, capacity: int, rows: int, expected: bool) -> None:
    layout = Layout(tuple(map(str, range(columns))), (CategoricalFeature("one", capacity),))
    assert affordable(layout, TASKS["binary"], rows) is expected
