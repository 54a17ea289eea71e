"""One small dataset, shared by the tests of this folder."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from builders import models
from foldline.artifacts import Dataset, Folds


class Held(NamedTuple):
    """A dataset with its folds, and which rows are in which part."""

    dataset: Dataset
    folds: dict[str, Folds]
    train: np.ndarray
    test: np.ndarray


@pytest.fixture(scope="session")
def held(tmp_path_factory: pytest.TempPathFactory) -> Held:
    root: Path = tmp_path_factory.mktemp("held")
    dataset = models.dataset(root / "dataset")
    folds = {kind: models.folds(root / f"folds-{kind}", dataset, kind) for kind in models.TASKS}
    one = folds["binary"]
    return Held(dataset, folds, one.row_id[~one.test], one.row_id[one.test])
