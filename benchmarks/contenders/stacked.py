"""Five folds at once, by Foldline."""

import json
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np

from foldline.training.backend import use_backend

use_backend("jax")

from sklearn.metrics import roc_auc_score  # noqa: E402

from foldline.features.apply import AppliedTransform  # noqa: E402
from foldline.training.fit import fit  # noqa: E402
from foldline.training.fitting.members import Members  # noqa: E402
from foldline.training.model_code import load_build_model, make_model  # noqa: E402
from foldline.training.rows import TrainingTable  # noqa: E402

table = TrainingTable.read(*map(Path, sys.argv[1:4]))
batch, epochs = map(int, sys.argv[4:6])
rows, _ = table.of_folds(lambda folder: AppliedTransform.load(folder).apply)
task = table.folds.task
build = load_build_model("")
needed: list[int] = []
measure = Members.footprint


def noted(self: Members) -> int:
    needed.append(measure(self))
    return needed[-1]


Members.footprint = noted  # type: ignore[method-assign]
started = time.monotonic()
fitted = fit(
    partial(make_model, build, {}, table.transform.layout, task),
    task,
    rows,
    epochs=epochs,
    batch_size=batch,
    learning_rate=0.001,
    seed=0,
    say=lambda line: None,
)
seconds = time.monotonic() - started
scores = [
    roc_auc_score(rows.label[own], predicted[:, 0])
    for own, predicted in zip(rows.validation, fitted.predictions, strict=True)
]
models = fitted.bytes_per_model * len(rows.folds) + rows.nbytes
print(
    json.dumps(
        {
            "seconds": seconds,
            "auc": float(np.mean(scores)),
            "standard_error": float(np.std(scores, ddof=1) / np.sqrt(len(scores))),
            "device": fitted.device,
            "mode": fitted.mode.name,
            "memory_ratio": needed[0] / models,
        }
    )
)
