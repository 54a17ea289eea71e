"""Models trained on the rows of small tables."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from builders import s3 as s3_server
from builders.fold_rows import LAYOUT, TASKS, rows_of
from foldline.training.fit import Fitted, fit
from foldline.training.fitting.rows import Rows
from foldline.training.fitting.settings import Fitting
from foldline.training.model_code import load_build_model, make_model


@dataclass
class Trained:
    """Fitted models, and what was said meanwhile."""

    fitted: Fitted
    lines: list[str] = field(default_factory=list)

    def leaves(self, index: int) -> list[Any]:
        variables = self.fitted.variables
        return [value[index] for value in (*variables.trainable, *variables.non_trainable)]

    def same_as(self, other: "Trained", tolerance: float = 1e-4) -> None:
        """Check that the models are equal within `tolerance`, to the bit where it is 0."""
        for index in range(len(self.fitted.kept)):
            for one, another in zip(self.leaves(index), other.leaves(index), strict=True):
                np.testing.assert_allclose(one, another, atol=tolerance, rtol=0)
            np.testing.assert_allclose(
                self.fitted.predictions[index], other.fitted.predictions[index], atol=tolerance, rtol=0
            )
        assert self.fitted.kept == other.fitted.kept


Train = Callable[..., Trained]


@pytest.fixture
def train() -> Train:
    """Trains rows: `train(rows, kind=, code=, hyperparameters=, fitting={...}, ...)`, the rest as `fit` takes it."""

    def trained(rows: Rows, kind: str = "binary", code: str = "", **given: Any) -> Trained:
        lines: list[str] = []
        task = TASKS[kind]
        hyperparameters = given.pop("hyperparameters", {} if code else {"hidden_units": [8]})
        fitting = Fitting.parse(given.pop("fitting", {}), task)
        build = load_build_model("", code)
        defaults = {"epochs": 2, "batch_size": 16, "learning_rate": 0.01, "seed": 3, "say": lines.append}
        made = fit(
            lambda: make_model(build, hyperparameters, LAYOUT, task), task, rows, fitting=fitting, **(defaults | given)
        )
        return Trained(made, lines)

    return trained


@pytest.fixture
def rows() -> Callable[..., Rows]:
    return rows_of


@dataclass(frozen=True)
class Bucket:
    """A bucket of a real S3 server, and the environment of a process that uses it."""

    bucket: str
    environment: dict[str, str]


@pytest.fixture
def s3(tmp_path: Path) -> Iterator[Bucket]:
    with s3_server.server(tmp_path) as running:
        running.make_bucket("training")
        yield Bucket("training", running.environment)
