"""Trials and the settings that their points make."""

from typing import Any

import pytest

from foldline.errors import ArtifactError
from foldline.training.search.definition import Definition
from foldline.training.search.settings import Settings
from foldline.training.search.trial import COMPLETED, TrialRecord

SPACE = {"space": {"width": {"type": "int", "low": 8, "high": 64}}}
TRIAL = TrialRecord(
    3, {"width": 8}, COMPLETED, {0: 0.7, 1: 0.9}, {0: 4, 1: 6}, 1.5, other_values={"brier": {0: 0.1, 1: 0.2}}
)


def test_a_trial_is_read_as_it_was_written() -> None:
    assert TrialRecord.from_json(TRIAL.to_json()) == TRIAL


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"state": "done"}, "a state of completed, stopped, failed, abandoned"),
        ({"failure": "bug"}, "a failure where it failed"),
        ({"state": "failed"}, "a failure where it failed"),
        ({"state": "failed", "failure": "tired"}, "out_of_memory"),
        ({"score": 1}, r"with \['score'\]"),
    ],
)
def test_a_trial_that_cannot_be_is_refused(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ArtifactError, match=said):
        TrialRecord.from_json(TRIAL.to_json() | change)


@pytest.mark.parametrize(
    ("objective", "value"),
    [
        ({"metric": "roc_auc"}, 0.8),
        ({"metric": "roc_auc", "over_folds": "lower_bound"}, 0.7),
        ({"metric": "log_loss", "over_folds": "lower_bound"}, 0.9),
    ],
)
def test_the_value_of_a_trial_is_the_mean_or_a_standard_error_worse(objective: dict[str, Any], value: float) -> None:
    definition = Definition.parse(SPACE | {"objective": objective})
    assert TRIAL.value(definition) == pytest.approx(value)


SETTINGS: list[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    ({}, {"width": 8}, {"hyperparameters": {"width": 8, "depth": 2}}),
    ({}, {"batch_size": 64.0, "learning_rate": 1}, {"batch_size": 64, "learning_rate": 1.0}),
    ({}, {"fitting.optimizer.momentum": 0.5}, {"fitting": {"optimizer": {"name": "adam", "momentum": 0.5}}}),
    ({"optimizer": "sgd"}, {"fitting.optimizer.name": "adamw"}, {"fitting": {"optimizer": {"name": "adamw"}}}),
    (
        {"optimizer": {"name": "sgd", "momentum": 0.9}, "loss": "huber"},
        {"fitting.optimizer.weight_decay": 0.1, "fitting.optimizer.name": "adamw"},
        {"fitting": {"optimizer": {"name": "adamw", "weight_decay": 0.1}, "loss": "huber"}},
    ),
    (
        {"optimizer": {"name": "sgd", "momentum": 0.9}},
        {"fitting.optimizer.name": "sgd"},
        {"fitting": {"optimizer": {"name": "sgd", "momentum": 0.9}}},
    ),
    ({}, {"fitting.class_weight.yes": 2.0}, {"fitting": {"class_weight": {"yes": 2.0}}}),
    ({"class_weight": "balanced"}, {"fitting.precision": "float32"},
     {"fitting": {"class_weight": "balanced", "precision": "float32"}}),
]  # fmt: skip


@pytest.mark.parametrize(("fitting", "parameters", "wanted"), SETTINGS)
def test_a_point_becomes_settings_of_the_training(
    fitting: dict[str, Any], parameters: dict[str, Any], wanted: dict[str, Any]
) -> None:
    base = Settings(hyperparameters={"width": 4, "depth": 2}, fitting=fitting)
    before = base.to_json()
    assert Settings.of(base, parameters).to_json() == base.to_json() | wanted
    assert base.to_json() == before


def test_settings_survive_kfp_which_makes_floats_of_integers() -> None:
    settings = Settings(epochs=7, batch_size=32, patience=3)
    floats = settings.to_json() | {"epochs": 7.0, "batch_size": 32.0, "patience": 3.0}
    read = Settings.from_json(floats)
    assert read == settings
    assert all(isinstance(value, int) for value in (read.epochs, read.batch_size, read.patience))
