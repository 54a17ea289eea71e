"""Small tables with their folds and transforms, and the two training components run on them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from foldline.artifacts import Dataset, Folds, Task
from foldline.artifacts.dataset import row_id_array
from foldline.artifacts.task import infer_task
from foldline.features.transform_features.run import run as transform_features
from foldline.training.train_folds.run import run as train_folds
from foldline.training.train_model.run import run as train_model


def mixed_table(rows: int, kind: str, seed: int = 0) -> pa.Table:
    """Numbers, text and missing values; a column name that no TensorFlow signature can carry."""
    random = np.random.default_rng(seed)
    distance = random.normal(0.0, 1.0, rows)
    seats = random.integers(2, 300, rows)
    carrier = random.choice(["UA", "AA", "Québec Air", "B6"], rows)
    value = 1.5 * distance + 0.01 * (seats - 150) + (carrier == "UA") + random.logistic(size=rows)
    label = {
        "binary": pa.array(value > 0.5),
        "multiclass": pa.array(np.where(value < -0.5, "early", np.where(value < 1.0, "late", "very late"))),
        "regression": pa.array(200.0 + 30.0 * value),
    }[kind]
    missing = np.arange(rows) % 13 == 5
    return pa.table(
        {
            "distance (km)": pa.array(distance, mask=missing),
            "seats": pa.array(seats, mask=np.roll(missing, 1)),
            "carrier": pa.array(carrier, pa.string(), mask=np.roll(missing, 2)),
            "label": label,
        }
    )


@dataclass
class Line:
    """The artifacts of one table, and what the components told of them."""

    folder: Path
    task: Task
    dataset: Dataset
    folds: Folds
    logged: dict[str, float] = field(default_factory=dict)
    curves: list[Any] = field(default_factory=list)
    matrices: list[Any] = field(default_factory=list)
    described: dict[str, Any] = field(default_factory=dict)

    def log_metric(self, metric: str, value: float) -> None:
        self.logged[metric] = value

    def log_roc_curve(self, fpr: list[float], tpr: list[float], threshold: list[float]) -> None:
        self.curves.append((fpr, tpr, threshold))

    def log_confusion_matrix(self, categories: list[str], matrix: list[list[int]]) -> None:
        self.matrices.append((categories, matrix))

    def path(self, name: str) -> str:
        return str(self.folder / name)

    def train_folds(self, to: str = "", **given: Any) -> None:
        """`to` goes before the names of the outputs, for a second training."""
        arguments = {
            "model": "",
            "model_code": "",
            "hyperparameters": {},
            "epochs": 3,
            "batch_size": 0,
            "learning_rate": 0.001,
            "patience": 5,
            "seed": 0,
            "fitting": {},
            "mode": "auto",
            "checkpoint_uri": "",
            "tuned": {},
        } | given
        train_folds(
            *(self.path(name) for name in ("dataset", "folds", "transform")),
            *(self.path(f"{to}{name}") for name in ("predictions", "training", "folds.html")),
            **arguments,
            metrics=self,
            classification=self,
            describe_predictions=lambda figures: None,
            describe_training=self.described.update,
        )

    def train_model(
        self, model_code: str = "", training: str = "training", to: str = "model", checkpoint_uri: str = ""
    ) -> None:
        inputs = (self.path(name) for name in ("dataset", "folds", "transform", training, "predictions"))
        train_model(*inputs, self.path(to), self.path("model.html"), model_code, checkpoint_uri, self.described.update)


def make_line(
    folder: Path,
    table: pa.Table,
    n_folds: int = 3,
    fold: NDArray[np.int64] | None = None,
    forward: bool = False,
    exclude_columns: tuple[str, ...] = (),
) -> Line:
    """Dataset, folds and transform of `table`, whose label is `label`; a fifth of the rows is held out.

    Args:
        fold: number of each row's fold, -1 for test rows; a row of it for each repeat; at random when None.
    """
    folder.mkdir(parents=True, exist_ok=True)
    task = infer_task(table["label"], "label")
    dataset = Dataset.write(folder / "dataset", table, source={"uri": "made"}, label="label")
    if fold is None:
        random = np.random.default_rng(1)
        fold = random.permutation(np.arange(table.num_rows) % n_folds)
        fold = np.where(random.random(table.num_rows) < 0.2, -1, fold)
    folds = Folds.write(
        folder / "folds",
        dataset_digest=dataset.digest,
        label="label",
        task=task,
        strategy="forward_chaining" if forward else "plain",
        n_folds=n_folds,
        seed=0,
        hold_out={"method": "random", "fraction": 0.2},
        row_id=row_id_array(dataset.table([])),
        test=np.atleast_2d(fold)[0] < 0,
        fold=np.atleast_2d(fold),
    )
    transform_features(
        str(folder / "dataset"),
        str(folder / "folds"),
        str(folder / "transform"),
        str(folder / "transform.html"),
        specification={},
        exclude_columns=list(exclude_columns),
        describe=lambda figures: None,
    )
    return Line(folder, task, dataset, folds)


MakeLine = Callable[..., Line]


@pytest.fixture
def line_of(tmp_path: Path) -> MakeLine:
    """Makes the artifacts of a table in a folder of the test."""
    return lambda table, **given: make_line(tmp_path / "line", table, **given)


@pytest.fixture(scope="session")
def line_in() -> MakeLine:
    """Makes the artifacts of a table in a folder."""
    return make_line


@pytest.fixture(scope="session")
def table_of() -> Callable[..., pa.Table]:
    return mixed_table


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Line:
    """A line whose folds and final model are trained."""
    line = make_line(tmp_path_factory.mktemp("trained"), mixed_table(400, "binary"))
    line.train_folds()
    line.train_model()
    return line
