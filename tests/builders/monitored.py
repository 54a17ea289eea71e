"""A model's reference and later rows with its predictions, and request logs, all simulated."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from foldline.artifacts import Dataset, Task

BINARY, CLASSES, VALUE = Task("binary", ("no", "yes")), Task("multiclass", ("a", "b", "c")), Task("regression")
VERSION = "0123456789ab"
DAY_S = 86_400
# 2025-01-01 in seconds since 1970.
BEGIN = 1_735_689_600
CARRIERS = np.array(["AA", "BB", "CC", "DD"])
Columns = dict[str, Any]


def columns(task: Task, *, days: int, rows: int, first_day: int, seed: int) -> Columns:
    """Rows of `days` days, `rows` each; the predictions are the true probabilities, or the values but for noise."""
    random = np.random.default_rng(seed)
    count = days * rows
    day = np.repeat(np.arange(days), rows) + first_day
    distance, carrier = random.normal(1000.0, 200.0, count), random.choice(CARRIERS, count)
    score = (distance - 1000.0) / 150.0 + (carrier == "AA") - 0.5
    made: Columns = {
        "at": (BEGIN + day * DAY_S + np.sort(random.integers(0, DAY_S, (days, rows)), axis=1).ravel()) * 1_000_000,
        "distance": np.where(random.random(count) < 0.03, np.nan, distance),
        "stops": random.integers(0, 4, count),
        "carrier": carrier,
        "booked": random.random(count) < 0.5,
    }
    if task.kind == "regression":
        return made | {"label": score + random.normal(0.0, 0.5, count), "prediction": score}
    if task.kind == "binary":
        chance = 1.0 / (1.0 + np.exp(-score))
        label = np.where(random.random(count) < chance, "yes", "no")
        return made | {"label": label, "prediction": chance}
    odds = np.exp(np.column_stack([score, -score, np.zeros(count)]))
    chance = odds / odds.sum(axis=1, keepdims=True)
    label = np.array(task.classes)[(random.random((count, 1)) > np.cumsum(chance, axis=1)[:, :-1]).sum(axis=1)]
    return made | {"label": label, **{f"prediction_{index}": chance[:, index] for index in range(3)}}


def dataset(
    path: Path,
    task: Task,
    made: Columns,
    *,
    labelled: bool = True,
    digest: str = "sha256:model",
    time_column: str = "at",
) -> Dataset:
    """These columns as a scored dataset."""
    arrays = {name: pa.array(values, from_pandas=True) for name, values in made.items()}
    arrays["at"] = pa.array(np.asarray(made["at"]).astype("datetime64[us]"))
    if not labelled:
        arrays["label"] = pa.nulls(len(arrays["at"]), arrays["label"].type)
    model = {
        "version": VERSION,
        "digest": digest,
        "label": "label",
        "task": task.to_json(),
        "predictions": list(task.prediction_columns),
    }
    return Dataset.write(
        path, pa.table(arrays), source={"uri": "simulated"}, label="label", time_column=time_column, model=model
    )


def exchange(
    identity: str, at: float, rows: Sequence[Columns], predictions: Sequence[Any], *, version: str = VERSION
) -> list[str]:
    """The two lines of a request in V1 and its answer; `at` in seconds since 1970."""
    from foldline.serving.server.events import About, pair

    about = About("//pod/v1/models/late", "late", version)
    events = pair(identity, at, {"instances": list(rows)}, {"predictions": list(predictions)}, 0.004, about)
    return [json.dumps(event) for event in events]
