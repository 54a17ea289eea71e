"""A small table of flights, its folds, and models whose weights a test chooses: real artifacts, nothing trained."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from foldline.artifacts import Dataset, Folds, Model, RawColumn, Task

BINARY = Task("binary", ("false", "true"))
SIZES = Task("multiclass", ("large", "medium", "small"))
DELAY = Task("regression")
LABELS = {"binary": "late", "multiclass": "size", "regression": "delay"}
TASKS = {"binary": BINARY, "multiclass": SIZES, "regression": DELAY}
SIGNATURE = (
    RawColumn("distance", "float64"),
    RawColumn("seats", "int64"),
    RawColumn("night", "bool"),
    RawColumn("departure", "timestamp"),
    RawColumn("carrier", "string"),
)


def table(rows: int, seed: int = 0) -> pa.Table:
    """Rows whose labels depend on `distance`; every raw column has missing values."""
    random = np.random.default_rng(seed)
    distance = random.normal(0.0, 1.0, rows)
    late = random.random(rows) < 1.0 / (1.0 + np.exp(-1.5 * distance))
    size = np.where(distance < -0.5, "small", np.where(distance < 0.5, "medium", "large"))
    missing = np.arange(rows) % 17 == 3
    raw = {
        "distance": pa.array(distance, mask=missing),
        "seats": pa.array(random.integers(2, 300, rows), pa.int64(), mask=np.roll(missing, 1)),
        "night": pa.array(random.random(rows) < 0.2, mask=np.roll(missing, 2)),
        "departure": pa.array(
            1_357_000_000_000_000 + random.integers(0, 10**12, rows), pa.timestamp("us"), mask=np.roll(missing, 3)
        ),
        "carrier": pa.array(random.choice(["UA", "AA", "Québec Air"], rows), pa.string(), mask=np.roll(missing, 4)),
    }
    labels = {
        "late": pa.array(late),
        "size": pa.array(size, pa.string()),
        "delay": pa.array(3.0 * distance + random.normal(0.0, 1.0, rows)),
    }
    return pa.table(raw | labels)


def dataset(path: Path, rows: int = 600, seed: int = 0) -> Dataset:
    return Dataset.write(path, table(rows, seed), source={"uri": "made", "format": "made"})


def folds(path: Path, of: Dataset, kind: str = "binary", test_fraction: float = 0.5) -> Folds:
    """Folds by position in the table: the last rows are held out."""
    row_id = of.table([])["row_id"].to_numpy()
    test = np.arange(len(row_id)) >= round(len(row_id) * (1.0 - test_fraction))
    fold = np.where(test, -1, np.arange(len(row_id)) % 5)
    return Folds.write(
        path,
        dataset_digest=of.digest,
        label=LABELS[kind],
        task=TASKS[kind],
        strategy="plain",
        n_folds=5,
        seed=0,
        hold_out={"method": "position", "fraction": test_fraction},
        row_id=row_id,
        test=test,
        fold=fold[None],
    )


def model(
    path: Path,
    trained_on: Sequence[int] | np.ndarray,
    kind: str = "binary",
    *,
    weight: float = 1.5,
    carrier_weight: float = 0.1,
    bias: float = 0.0,
    delay_ms: int = 0,
    bounded: bool = True,
    name: str = "plain",
    signature: tuple[RawColumn, ...] = SIGNATURE,
) -> Model:
    """A model that is linear in `distance` (missing: 0) and in whether the carrier is UA; a NaN `bias` makes every
    prediction NaN.

    Args:
        delay_ms: how long the model thinks about each request.
        bounded: whether the probability of a binary model is one; else it is the score.
        name: goes into the manifest, so that models of equal weights differ.
    """
    export(path / "1", kind, weight, carrier_weight, bias, delay_ms, signature, bounded)
    return Model.seal(
        path,
        task=TASKS[kind],
        label=LABELS[kind],
        signature=signature,
        origin={"dataset": "made", "folds": "made", "transform": "made"},
        training={"rows": len(trained_on), "name": name, "window": {}},
        metrics={"roc_auc": 0.7, "roc_auc_standard_error": 0.01} if kind == "binary" else {},
        parity={"rows": 0, "largest_difference": 0.0, "tolerance": 1e-5},
        training_rows=np.asarray(trained_on, dtype=np.int64),
    )


def export(
    path: Path,
    kind: str,
    weight: float,
    carrier_weight: float,
    bias: float,
    delay_ms: int,
    signature: tuple[RawColumn, ...],
    bounded: bool = True,
) -> None:
    """Write the SavedModel."""
    import tensorflow as tf

    dtypes = {"float32": tf.float32, "int64": tf.int64, "string": tf.string}
    inputs = {column.name: tf.TensorSpec([None], dtypes[column.tensor_dtype], column.name) for column in signature}

    def serve(**raw: Any) -> dict[str, Any]:
        distance = tf.where(tf.math.is_nan(raw["distance"]), 0.0, raw["distance"])
        score = weight * distance + bias
        if "carrier" in raw:
            score += carrier_weight * tf.cast(raw["carrier"] == b"UA", tf.float32)
        if delay_ms:
            deadline = tf.timestamp() + delay_ms / 1000
            waited = tf.while_loop(lambda now: now < deadline, lambda now: (tf.timestamp(),), [tf.timestamp()])
            score += tf.cast(waited[0] * 0.0, tf.float32)
        if kind == "binary" and bounded:
            score = tf.sigmoid(score)
        if kind == "multiclass":
            return {"predictions": tf.nn.softmax(tf.stack([score, tf.zeros_like(score), -score], axis=1))}
        return {"predictions": score[:, None]}

    module = tf.Module()
    module.serve = tf.function(serve)
    tf.saved_model.save(module, str(path), signatures={"serving_default": module.serve.get_concrete_function(**inputs)})


def unloadable(path: Path, name: str = "plain", size: int = 1000, window: dict[str, str] | None = None) -> Model:
    """A sealed model whose SavedModel nobody will load: bytes that depend on `name`."""
    (path / "1" / "variables").mkdir(parents=True)
    (path / "1" / "saved_model.pb").write_bytes(np.random.default_rng(list(name.encode())).bytes(size))
    (path / "1" / "variables" / "variables.index").write_bytes(name.encode())
    return Model.seal(
        path,
        task=BINARY,
        label="late",
        signature=SIGNATURE,
        origin={},
        training={"name": name, "window": window or {}},
        metrics={},
        parity={},
        training_rows=np.arange(10),
    )
