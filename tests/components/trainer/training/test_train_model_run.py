"""`train_model`: the SavedModel gives what training gave, anywhere, and nothing else gets through."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from foldline.artifacts import Dataset, Model, Predictions, RawColumn, Transform
from foldline.artifacts.signature import MISSING_INTEGER, tensors_from_table
from foldline.artifacts.tensor_names import tensor_names
from foldline.artifacts.training import Training
from foldline.errors import ArgumentError, ArtifactError, ModelCodeError, ParityError
from foldline.features.apply import AppliedTransform
from foldline.training.fit import fit
from foldline.training.linear_start import linear_start
from foldline.training.model_code import load_build_model, make_model
from foldline.training.rows import TrainingTable
from foldline.training.train_model.export import ExportProcess, Request, read_weights
from foldline.training.train_model.parity import check_parity, parity_rows
from foldline.training.train_model.reference import sampled
from foldline.training.train_model.run import predict_raw

OWN = """
import keras

def build_model(inputs, units=8):
    both = [inputs.tensors["numeric"], keras.ops.cast(inputs.tensors["categorical"], "float32")]
    hidden = keras.layers.Dense(units, activation="relu")(keras.layers.Concatenate()(both))
    hidden = keras.layers.Dropout(0.2)(keras.layers.BatchNormalization()(hidden))
    return keras.Model(inputs.tensors, keras.layers.Dense(inputs.units, activation=inputs.activation)(hidden))
"""

# What somebody without Foldline does: raw columns in, predictions out.
PLAIN = """
import sys
import numpy as np
sys.modules["foldline"] = None
import tensorflow as tf
saved_model, given, wanted = sys.argv[1:]
raw = dict(np.load(given))
serve = tf.saved_model.load(saved_model).signatures["serving_default"]
predictions = serve(**{name: tf.constant(values) for name, values in raw.items()})
assert list(predictions) == ["predictions"]
np.save(wanted, predictions["predictions"].numpy())
"""


@dataclass(frozen=True)
class Refitted:
    """The training rows, and the final model trained on them once more: its predictions of them, and its weights."""

    table: TrainingTable
    predictions: NDArray[np.float32]
    weights: list[tuple[str, NDArray[Any]]]


@pytest.fixture(scope="module")
def refitted(trained: Any) -> Refitted:
    settings = Training.read(trained.folder / "training")
    table = TrainingTable.read(trained.folder / "dataset", trained.folder / "folds", trained.folder / "transform")
    everything = np.ones(len(table.row_id), dtype=bool)
    rows, _ = table.of_all(lambda folder: AppliedTransform.load(folder).apply, everything)
    layout, task = table.transform.layout, table.folds.task
    fitted = fit(
        partial(make_model, load_build_model(""), settings.hyperparameters, layout, task),
        task,
        rows,
        epochs=settings.epochs,
        batch_size=settings.batch_size,
        learning_rate=settings.learning_rate,
        seed=settings.seed,
        start=linear_start(rows, layout, task, settings.start_penalty).values,
        say=lambda line: None,
    )
    values = (*fitted.variables.trainable, *fitted.variables.non_trainable)
    weights = [(name, value[0]) for name, value in zip((*fitted.names[0], *fitted.names[1]), values, strict=True)]
    return Refitted(table, fitted.predictions[0], weights)


def plain_predictions(saved_model: Path, raw: dict[str, NDArray[Any]], folder: Path) -> NDArray[np.float32]:
    """Predictions in a process that has TensorFlow and no Foldline."""
    names = tensor_names(list(raw))
    plain = {names[name]: np.array(values, "S") if values.dtype == object else values for name, values in raw.items()}
    np.savez(folder / "raw.npz", **plain)
    command = [sys.executable, "-c", PLAIN, str(saved_model), str(folder / "raw.npz"), str(folder / "predictions.npy")]
    environment = {key: value for key, value in os.environ.items() if key != "KERAS_BACKEND"}
    subprocess.run(command, check=True, env=environment, cwd=folder, capture_output=True)
    return np.load(folder / "predictions.npy")


def test_plain_tensorflow_gives_the_predictions_of_training_for_raw_rows(
    trained: Any, refitted: Refitted, tmp_path: Path
) -> None:
    raw = refitted.table.tensors
    assert any(np.isnan(values).any() for values in raw.values() if values.dtype == np.float32)
    found = plain_predictions(trained.folder / "model" / "1", raw, tmp_path)
    np.testing.assert_allclose(found, refitted.predictions, atol=1e-5)
    assert refitted.predictions.std() > 0.1


def test_rows_whose_values_are_all_missing_or_unseen_are_predicted(trained: Any) -> None:
    model = Model.read(trained.folder / "model")
    unseen = {"float32": np.float32(1e6), "int64": 10**12, "string": b"nowhere"}
    missing = {"float32": np.float32(np.nan), "int64": MISSING_INTEGER, "string": b""}
    dtypes = {"float32": np.float32, "int64": np.int64, "string": object}
    raw = {
        column.name: np.array([unseen[column.tensor_dtype], missing[column.tensor_dtype]], dtypes[column.tensor_dtype])
        for column in model.signature
    }
    found = predict_raw(model.saved_model, raw, model.signature)
    assert found.shape == (2, 1)
    assert ((found >= 0) & (found <= 1)).all()


def test_the_model_says_what_it_is_made_of(trained: Any) -> None:
    model, training = Model.read(trained.folder / "model"), Training.read(trained.folder / "training")
    assert model.origin == {**training.origin, "training": training.digest}
    assert model.metrics == training.metrics
    assert model.training["epochs"] == training.epochs
    assert model.training["rows"] == len(model.training_rows())
    assert set(model.training_rows().tolist()) == set(trained.folds.row_id[~trained.folds.test].tolist())
    assert model.parity["largest_difference"] <= model.parity["tolerance"] == 1e-5
    assert trained.described["digest"] == model.digest
    page = (trained.folder / "model.html").read_text()
    assert "distance (km)" in page
    assert "<script" not in page


def test_a_sample_of_the_table_with_its_out_of_fold_predictions_travels_with_the_model(trained: Any) -> None:
    model = Model.read(trained.folder / "model")
    assert model.reference is not None
    reference, predicted = Dataset.read(model.reference), Predictions.read(trained.folder / "predictions")
    table = reference.table()
    assert table.drop(["prediction"]).equals(trained.dataset.table())
    found = dict(zip(table["row_id"].to_pylist(), table["prediction"].to_pylist(), strict=True))
    said = dict(zip(predicted.row_id.tolist(), predicted.prediction[:, 0].tolist(), strict=True))
    held_out = trained.folds.row_id[trained.folds.test].tolist()
    assert {row: value for row, value in found.items() if value is not None} == said
    assert {row for row, value in found.items() if value is None} == set(held_out)
    assert reference.scored_task == trained.task
    assert reference.model | {"task": None} == {
        "version": "", "digest": "", "label": "label", "task": None, "predictions": ["prediction"],
    }  # fmt: skip


def test_an_edited_reference_is_no_model(trained: Any, tmp_path: Path) -> None:
    shutil.copytree(trained.folder / "model", tmp_path / "model")
    (tmp_path / "model" / "reference" / "dataset.json").write_text("{}")
    with pytest.raises(ArtifactError, match=r"file .*reference/dataset.json"):
        Model.read(tmp_path / "model")


def test_a_larger_table_gives_a_sample_by_identity_that_its_next_version_shares() -> None:
    row_id = np.random.default_rng(0).integers(0, 2**62, 30_000)
    kept = sampled(row_id, 20_000)
    assert kept.sum() == 20_000
    grown = np.concatenate([row_id, np.random.default_rng(1).integers(0, 2**62, 3_000)])
    shared = sampled(grown, 20_000)[:30_000]
    assert not (shared & ~kept).any()
    assert shared.sum() > 17_500


def test_predictions_of_other_folds_are_refused(trained: Any, tmp_path: Path) -> None:
    line = replace(trained, folder=tmp_path)
    for name in ("dataset", "folds", "transform", "training"):
        (tmp_path / name).symlink_to(trained.folder / name)
    own = Predictions.read(trained.folder / "predictions")
    arrays = {name: getattr(own, name) for name in ("row_id", "fold", "label", "prediction")}
    Predictions.write(tmp_path / "predictions", task=own.task, origin={**own.origin, "folds": "others"}, **arrays)
    with pytest.raises(ArtifactError, match=r"field origin of .*predictions"):
        line.train_model()


@pytest.mark.parametrize("kind", ["multiclass", "regression"])
def test_own_model_code_is_exported_for_every_task(
    kind: str, line_of: Callable[..., Any], table_of: Callable[..., pa.Table], tmp_path: Path
) -> None:
    line = line_of(table_of(250, kind), n_folds=2)
    line.train_folds(model_code=OWN, hyperparameters={"units": 6.0}, epochs=2)
    line.train_model(model_code=OWN)
    model = Model.read(line.folder / "model")
    assert model.parity["largest_difference"] <= 1e-5
    table = line.dataset.table()
    found = predict_raw(model.saved_model, tensors_from_table(table, model.signature), model.signature)
    assert found.dtype == np.float32
    assert found.shape == (table.num_rows, line.task.outputs)
    if kind == "regression":
        label = line.task.encode(table["label"])
        assert abs(found.mean() - label.mean()) < label.std()
    else:
        np.testing.assert_allclose(found.sum(axis=1), 1.0, atol=1e-5)


def request_of(trained: Any, saved_model: Path, **changed: Any) -> Request:
    training, transform = Training.read(trained.folder / "training"), Transform.read(trained.folder / "transform")
    request = Request(
        model="",
        model_code="",
        hyperparameters=training.hyperparameters,
        layout=transform.layout,
        task=training.task,
        signature=transform.signature,
        transform=str(transform.final_folder),
        label_mean=0.0,
        label_sd=1.0,
        saved_model=str(saved_model),
    )
    return replace(request, **changed)


def test_an_export_with_another_transform_fails_the_parity_check(
    trained: Any, refitted: Refitted, tmp_path: Path
) -> None:
    """A fold's transform in place of the final one: as right in form, and only a little different in its figures."""
    transform, saved_model = refitted.table.transform, tmp_path / "1"
    with ExportProcess() as process:
        process.export(request_of(trained, saved_model, transform=str(transform.fold_folder(0))), refitted.weights)
    found = predict_raw(saved_model, refitted.table.tensors, transform.signature)
    with pytest.raises(ParityError, match=r"a largest difference of .*, at row_id \d+: trained 0.*, exported 0"):
        check_parity(refitted.predictions, found, 1.0, refitted.table.row_id)


def test_an_edited_transform_is_refused(trained: Any, tmp_path: Path) -> None:
    line = replace(trained, folder=tmp_path)
    for name in ("dataset", "folds", "training", "predictions"):
        (tmp_path / name).symlink_to(trained.folder / name)
    subprocess.run(["cp", "-r", str(trained.folder / "transform"), str(tmp_path / "transform")], check=True)
    graph = tmp_path / "transform" / "final" / "transform_fn" / "saved_model.pb"
    graph.write_bytes(graph.read_bytes() + b"\0")
    with pytest.raises(ArtifactError, match=r"file .*final/transform_fn/saved_model.pb"):
        line.train_model()
    assert not (tmp_path / "model").exists()


def test_other_model_code_than_that_of_the_folds_is_refused(trained: Any) -> None:
    with pytest.raises(ArgumentError, match="model_code: expected the code that the folds were trained with, sha256:"):
        trained.train_model(model_code=OWN, to="other-model")
    assert not (trained.folder / "other-model").exists()


def test_a_model_that_differs_under_tensorflow_is_refused(trained: Any, tmp_path: Path) -> None:
    code = """
import keras

def build_model(inputs):
    units = 3 if keras.backend.backend() == "jax" else 4
    hidden = keras.layers.Dense(units)(inputs.tensors["numeric"])
    return keras.Model(inputs.tensors, keras.layers.Dense(1, activation="sigmoid")(hidden))
"""
    transform = Transform.read(trained.folder / "transform")
    model = make_model(load_build_model("", code), {}, transform.layout, trained.task)
    weights = [(variable.name, np.asarray(variable.value)) for variable in model.variables]
    message = "variables of the model under TensorFlow: expected those of training"
    with ExportProcess() as process, pytest.raises(ModelCodeError, match=message):
        process.export(request_of(trained, tmp_path / "1", model_code=code, hyperparameters={}), weights)


def test_weights_with_pickled_objects_are_not_read(tmp_path: Path) -> None:
    np.savez(tmp_path / "weights.npz", **{"0000:kernel": np.array([{"a": 1}], dtype=object)})
    with pytest.raises(ValueError, match="allow_pickle=False"):
        read_weights(tmp_path / "weights.npz")


def test_the_checked_rows_include_some_with_missing_values() -> None:
    table = pa.table({"a": pa.array([1.0, None] + [2.0] * 8000), "b": pa.array(["x"] * 8001 + [None])})
    chosen = parity_rows(tensors_from_table(table, [RawColumn("a", "float64"), RawColumn("b", "string")]))
    assert chosen.sum() == 2000
    assert chosen[1]
    assert chosen[8001]
    few = parity_rows({"b": np.array([b"", b"x"], dtype=object)})
    assert few.tolist() == [True, True]


@pytest.mark.parametrize(("exported", "passes"), [(0.500009, True), (0.50002, False), (np.nan, False)])
def test_parity_is_held_to_its_tolerance(exported: float, passes: bool) -> None:
    trained = np.full((3, 1), 0.5, np.float32)
    found = np.array([[0.5], [exported], [0.5]], np.float32)
    if passes:
        assert check_parity(trained, found, 1.0, np.arange(3))["rows"] == 3
    else:
        with pytest.raises(ParityError, match="row_id 1"):
            check_parity(trained, found, 1.0, np.arange(3))


def test_initial_weights_other_than_those_of_the_folds_are_refused(line_of: Any, table_of: Any, tmp_path: Path) -> None:
    line = line_of(table_of(240, "binary"))
    weights = tmp_path / "first.weights.h5"
    table = TrainingTable.read(line.folder / "dataset", line.folder / "folds", line.folder / "transform")
    make_model(load_build_model("", OWN), {}, table.transform.layout, line.task).save_weights(weights)
    line.train_folds(model_code=OWN, epochs=1, fitting={"initial_weights": str(weights)})
    assert len(Training.read(line.folder / "training").initial_weights_digest) == 64
    weights.write_bytes(b"others")
    with pytest.raises(ArgumentError, match=r"initial weights at .*: expected the file that the folds began with"):
        line.train_model(model_code=OWN)


def test_the_final_model_takes_the_learning_rates_that_callbacks_gave_the_folds(
    line_of: Any, table_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = f"""{OWN}

def build_callbacks():
    return [keras.callbacks.LearningRateScheduler(lambda epoch, rate: 0.004 if epoch < 1 else 0.001)]
"""
    given: dict[str, Any] = {}

    def noted(*positional: Any, **named: Any) -> Any:
        given.update(named)
        return fit(*positional, **named)

    line = line_of(table_of(240, "binary"))
    line.train_folds(model_code=code, epochs=2)
    rates = Training.read(line.folder / "training").learning_rates
    assert rates == pytest.approx([0.004, 0.001])
    monkeypatch.setattr("foldline.training.fit.fit", noted)
    line.train_model(model_code=code)
    assert given["rates"] == rates
    assert "callbacks" not in given
