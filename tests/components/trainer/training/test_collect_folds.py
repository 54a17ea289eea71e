"""Folds in tasks of their own, joined: what `train_folds` gives."""

from typing import Any

import numpy as np
import pytest

from foldline.artifacts import Predictions
from foldline.artifacts.fold_training import FoldTraining
from foldline.artifacts.training import Training
from foldline.errors import ArgumentError, ArtifactError
from foldline.training.collect_folds.joined import in_order, join
from foldline.training.collect_folds.run import run as collect_folds
from foldline.training.places import FolderPlace
from foldline.training.preparation import Parameters, Preparation
from foldline.training.train_fold.run import run as train_fold

MODEL = """
import keras

def build_model(inputs):
    hidden = keras.layers.Dense(8, activation="relu")(inputs.tensors["numeric"])
    return keras.Model(inputs.tensors, keras.layers.Dense(inputs.units, activation=inputs.activation)(hidden))
"""


def fold(
    number: int, losses: list[float], *, stopping: str = "together", first: int = 1, **determined: Any
) -> FoldTraining:
    """A training whose prediction after epoch e is e."""
    epochs = np.arange(first, first + len(losses), dtype=np.float32)
    return FoldTraining(
        fold=number,
        determined_by={"seed": 0, "fitting": {"stopping": stopping}} | determined,
        first_epoch=first,
        training_loss=[0.5] * (len(losses) - (1 - first)),
        validation_loss=losses,
        predictions=np.tile(epochs[:, None, None], (1, 2, 1)),
        facts={},
    )


@pytest.mark.parametrize(
    ("first", "second", "given", "kept", "shown"),
    [
        ([3.0, 2.0, 2.5, 2.6, 9.9], [3.0, 2.5, 1.0, 2.0, 9.9], {}, [3, 3], 5),
        ([3.0, 1.0, 2.5, 2.6], [3.0, 2.5, 2.4, 2.3, 0.1], {}, [2, 2], 4),
        ([3.0, 1.0, 2.0, 2.0], [3.0, 2.5, 2.4, 0.5, 0.6, 0.7], {"stopping": "each"}, [2, 4], 6),
        ([1.0, 2.0, 3.0], [1.0, 2.0, 3.0], {"first": 0}, [0, 0], 3),
    ],
    ids=["mean", "as long as all were trained", "each", "start"],
)
def test_the_joint_rule_is_applied_to_losses_that_were_taken_apart(
    first: list[float], second: list[float], given: dict[str, Any], kept: list[int], shown: int
) -> None:
    joined = join([fold(0, first, **given), fold(1, second, **given)], patience=2)
    assert joined.kept == kept
    assert [float(own[0, 0]) for own in joined.predictions] == kept
    assert len(joined.curves["validation"]) == shown
    assert len(joined.curves["training"]) == shown - (1 - given.get("first", 1))


@pytest.mark.parametrize(
    ("trainings", "said"),
    [
        ([fold(0, [1.0])], r"folds of fold_trainings: expected \[0, 1\], got \[0\]"),
        ([fold(0, [1.0]), fold(0, [1.0])], r"got \[0, 0\]"),
        (
            [fold(1, [1.0], seed=4), fold(0, [1.0])],
            "field seed of the training of fold 1: expected that of fold 0, 0, got 4",
        ),
    ],
    ids=["missing", "twice", "otherwise"],
)
def test_folds_that_do_not_belong_together_are_refused(trainings: list[FoldTraining], said: str) -> None:
    with pytest.raises(ArtifactError, match=said):
        in_order(trainings, [0, 1])


@pytest.mark.parametrize("kind", ["binary", "regression"])
def test_all_three_modes_give_the_same_predictions(line_of: Any, table_of: Any, kind: str) -> None:
    line = line_of(table_of(240, kind), exclude_columns=("carrier",))
    given = {"epochs": 8, "patience": 4, "model_code": MODEL, "learning_rate": 0.02, "batch_size": 16}
    line.train_folds(**given)
    line.train_folds(to="sequential-", mode="sequential", **given)
    inputs = [line.path(name) for name in ("dataset", "folds", "transform")]
    for number in range(3):
        train_fold(
            *inputs,
            line.path(f"fold-{number}"),
            number,
            "",
            MODEL,
            {},
            8,
            16,
            0.02,
            4,
            0,
            {},
            "",
            line.described.update,
        )
    apart = [line.path(f"fold-{number}") for number in (2, 0, 1)]
    outputs = [line.path(f"parallel-{name}") for name in ("predictions", "training", "folds.html")]
    nothing = lambda figures: None  # noqa: E731
    collect_folds(*inputs, apart, *outputs, 4, line, line, nothing, nothing)
    first = Training.read(line.folder / "training")
    for name in ("sequential", "parallel"):
        training = Training.read(line.folder / f"{name}-training")
        assert training.facts["mode"] == name
        assert training.epochs == first.epochs
        assert np.shape(training.curves["validation"]) == np.shape(first.curves["validation"])
        predicted = Predictions.read(line.folder / f"{name}-predictions")
        expected = Predictions.read(line.folder / "predictions")
        np.testing.assert_array_equal(predicted.row_id, expected.row_id)
        scale = np.std(expected.label) if kind == "regression" else 1.0
        np.testing.assert_allclose(predicted.prediction, expected.prediction, atol=1e-3 * scale)


def test_a_fold_by_itself_has_the_schedule_that_it_has_among_all(line_of: Any, table_of: Any) -> None:
    table = table_of(300, "regression")
    fold = np.repeat([0, 1, 2, -1], [60, 60, 120, 60])
    line = line_of(table, fold=fold, n_folds=2, forward=True, exclude_columns=("carrier",))
    parameters = Parameters("", MODEL, {}, 4, 16, 0.02, 9, 0, {"schedule": "cosine"}, "sequential", "")
    inputs = [line.path(name) for name in ("dataset", "folds", "transform")]
    prepared = Preparation.read(*inputs, parameters)
    among_all = prepared.train(lambda text: None)
    alone = prepared.of_fold(1).train(lambda text: None)
    np.testing.assert_allclose(alone.validation_loss[-1][0], among_all.validation_loss[-1][0], rtol=1e-5)


def test_a_checkpoint_is_of_the_content_of_the_initial_weights(line_of: Any, table_of: Any, tmp_path: Any) -> None:
    line = line_of(table_of(240, "binary"), exclude_columns=("carrier",))
    inputs = [line.path(name) for name in ("dataset", "folds", "transform")]
    weights = tmp_path / "first.weights.h5"
    fitting = {"initial_weights": str(weights)}
    parameters = Parameters("", MODEL, {}, 4, 16, 0.02, 9, 0, fitting, "sequential", str(tmp_path / "saved"))
    found = []
    for content in (b"one", b"other", b"one"):
        weights.write_bytes(content)
        checkpoint = Preparation.read(*inputs, parameters).checkpoint()
        assert checkpoint is not None
        found.append(checkpoint.load() is not None)
        checkpoint.save({}, [np.arange(3)])
    assert found == [False, False, True]


def test_a_task_of_one_fold_refuses_callbacks(line_of: Any, table_of: Any) -> None:
    line = line_of(table_of(240, "binary"), exclude_columns=("carrier",))
    inputs = [line.path(name) for name in ("dataset", "folds", "transform")]
    code = f"{MODEL}\n\ndef build_callbacks():\n    return [keras.callbacks.TerminateOnNaN()]\n"
    with pytest.raises(ArgumentError, match="build_callbacks of the model code: expected no callbacks where each fold"):
        train_fold(*inputs, line.path("fold-1"), 1, "", code, {}, 3, 16, 0.02, 4, 0, {}, "", line.described.update)


def test_a_fold_that_is_written_leaves_no_checkpoint(line_of: Any, table_of: Any, tmp_path: Any) -> None:
    line = line_of(table_of(240, "binary"), exclude_columns=("carrier",))
    inputs = [line.path(name) for name in ("dataset", "folds", "transform")]
    saved: list[str] = []
    remove = FolderPlace.remove

    def noted(self: FolderPlace) -> None:
        saved.extend(path.name for path in (tmp_path / "saved").iterdir())
        remove(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FolderPlace, "remove", noted)
        train_fold(
            *inputs, line.path("fold-1"), 1, "", MODEL, {}, 3, 16, 0.02, 4, 0, {}, str(tmp_path / "saved"),
            line.described.update,
        )  # fmt: skip
    assert len(saved) == 1
    assert list((tmp_path / "saved").iterdir()) == []


def test_a_patience_of_none_is_refused(tmp_path: Any) -> None:
    with pytest.raises(ArgumentError, match="patience: expected at least 1, got 0"):
        collect_folds(*[str(tmp_path)] * 3, [], *[str(tmp_path)] * 3, 0, None, None, None, None)  # type: ignore[arg-type]
