"""Rows of small tables without artifacts, as models are trained on them."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from foldline.artifacts import CategoricalFeature, Layout, Task
from foldline.training.fitting.rows import Rows

LAYOUT = Layout(("distance", "seats"), (CategoricalFeature("carrier", 6),))
TASKS = {
    "binary": Task("binary", ("false", "true")),
    "multiclass": Task("multiclass", ("a", "b", "c")),
    "regression": Task("regression"),
}


def rows_of(sizes: Sequence[int], kind: str = "binary", seed: int = 0) -> Rows:
    """Rows of one model after another's; a model has `size` training rows and half as many others."""
    random = np.random.default_rng(seed)
    total = sum(size + size // 2 for size in sizes)
    numeric = random.normal(size=(total, 2)).astype(np.float32)
    signal = numeric[:, 0] + 0.3 * random.normal(size=total)
    label = {"binary": signal > 0, "multiclass": np.digitize(signal, [-0.5, 0.5]), "regression": signal}[kind]
    starts = np.cumsum([0, *(size + size // 2 for size in sizes)])
    spans = [np.arange(start, stop, dtype=np.int32) for start, stop in pairwise(starts)]
    return Rows(
        folds=tuple(range(len(sizes))),
        features={"numeric": numeric, "categorical": random.integers(0, 6, (total, 1), dtype=np.int32)},
        label=np.asarray(label, dtype=np.float32),
        training=tuple(span[:size] for span, size in zip(spans, sizes, strict=True)),
        validation=tuple(span[size:] for span, size in zip(spans, sizes, strict=True)),
    )
