"""Three tables of a search benchmark, made from numbers alone, and their artifacts."""

from pathlib import Path

import numpy as np
import pyarrow as pa
from sklearn import datasets

from foldline.artifacts import Dataset, Folds
from foldline.artifacts.dataset import row_id_array
from foldline.artifacts.task import infer_task
from foldline.features.transform_features.run import run as transform_features

FOLDS = 5


def friedman() -> pa.Table:
    values, label = datasets.make_friedman1(1000, 10, noise=1.0, random_state=0)
    return _table(values, label)


def digits() -> pa.Table:
    found = datasets.load_digits()
    return _table(found.data, np.array([f"digit {name}" for name in found.target]))


def classes() -> pa.Table:
    values, label = datasets.make_classification(
        1500, 20, n_informative=8, n_redundant=4, n_clusters_per_class=3, flip_y=0.05, random_state=0
    )
    return _table(values, label.astype(bool))


TABLES = {"friedman": friedman, "digits": digits, "classes": classes}


def write(folder: Path, name: str) -> Folds:
    """Dataset, folds and transform of a table below `folder`; no row is held out."""
    table = TABLES[name]()
    dataset = Dataset.write(folder / "dataset", table, source={"uri": "made"}, label="label")
    row_id = row_id_array(dataset.table([]))
    folds = Folds.write(
        folder / "folds", dataset_digest=dataset.digest, label="label", task=infer_task(table["label"], "label"),
        strategy="plain", n_folds=FOLDS, seed=0, hold_out={"method": "none"}, row_id=row_id,
        test=np.zeros(len(row_id), dtype=bool), fold=np.random.default_rng(0).permutation(len(row_id))[None] % FOLDS,
    )  # fmt: skip
    paths = (str(folder / part) for part in ("dataset", "folds", "transform", "transform.html"))
    transform_features(*paths, specification={}, exclude_columns=[], describe=lambda figures: None)
    return folds


def _table(values: np.ndarray, label: np.ndarray) -> pa.Table:
    columns = {f"column {index}": values[:, index] for index in range(values.shape[1])}
    return pa.table(columns | {"label": label})
