"""A small table with its folds and transform, written by a process of the trainer's environment.

python -m builders.small_line FOLDER
"""

import sys
from pathlib import Path

import numpy as np
from pyarrow import csv

from builders.tables import customers
from foldline.artifacts import Dataset, Folds
from foldline.artifacts.dataset import row_id_array
from foldline.artifacts.task import infer_task
from foldline.features.transform_features.run import run as transform_features

ROWS, FOLDS = 600, 3


def main(folder: Path) -> None:
    """Write `dataset`, `folds` and `transform` below the new folder."""
    folder.mkdir(parents=True)
    table = csv.read_csv(customers(folder / "customers.csv", rows=ROWS, seed=3)).drop_columns(["customer", "joined"])
    task = infer_task(table["left"], "left")
    dataset = Dataset.write(folder / "dataset", table, source={"uri": "made"}, label="left")
    fold = np.arange(ROWS) % (FOLDS + 1) - 1
    Folds.write(
        folder / "folds",
        dataset_digest=dataset.digest,
        label="left",
        task=task,
        strategy="plain",
        n_folds=FOLDS,
        seed=0,
        hold_out={"method": "every fourth", "fraction": 0.25},
        row_id=row_id_array(dataset.table([])),
        test=fold < 0,
        fold=np.atleast_2d(fold),
    )
    transform_features(
        *(str(folder / name) for name in ("dataset", "folds", "transform", "transform.html")),
        specification={},
        exclude_columns=[],
        describe=lambda figures: None,
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
