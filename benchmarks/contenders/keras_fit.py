"""Five folds by five calls of Keras' own `fit`: rows, batch size, epochs, backend, steps_per_execution, XLA."""

import json
import os
import sys
import time
from pathlib import Path

source, batch, epochs, backend, steps, compiled = sys.argv[1:]
os.environ["KERAS_BACKEND"] = backend

import keras  # noqa: E402
import numpy as np  # noqa: E402
from sklearn.metrics import roc_auc_score  # noqa: E402

from foldline.artifacts import CategoricalFeature, Layout, Task  # noqa: E402
from foldline.training.model_code import load_build_model, make_model  # noqa: E402

folder = Path(source)
with np.load(folder / "layout.npz") as stored:
    numeric = tuple(f"number {index}" for index in range(int(stored["numeric"])))
    categorical = tuple(CategoricalFeature(f"category {i}", int(size)) for i, size in enumerate(stored["capacities"]))
layout, task, build = Layout(numeric, categorical), Task("binary", ("false", "true")), load_build_model("")
parts = []
for index in range(len(list(folder.glob("*-training.npz")))):
    for name in ("training", "validation"):
        with np.load(folder / f"{index}-{name}.npz") as stored:
            parts.append({key: stored[key] for key in stored.files})

started = time.monotonic()
predictions = []
for fold, (training, validation) in enumerate(zip(parts[::2], parts[1::2], strict=True)):
    keras.utils.set_random_seed(fold)
    model = make_model(build, {}, layout, task)
    model.compile(
        optimizer=keras.optimizers.Adam(0.001),
        loss="binary_crossentropy",
        steps_per_execution=int(steps),
        jit_compile=compiled == "True",
    )
    features = {key: value for key, value in training.items() if key != "label"}
    model.fit(features, training["label"], batch_size=int(batch), epochs=int(epochs), verbose=0)
    applied = {key: value for key, value in validation.items() if key != "label"}
    predictions.append(model.predict(applied, batch_size=4096, verbose=0)[:, 0])
seconds = time.monotonic() - started
scores = [roc_auc_score(part["label"], own) for part, own in zip(parts[1::2], predictions, strict=True)]
print(json.dumps({"seconds": seconds, "auc": float(np.mean(scores))}))
