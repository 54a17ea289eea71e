"""What the tests of the search share."""

import numpy as np
import pytest

from foldline.artifacts import Task
from foldline.evaluation.metrics import score


@pytest.fixture(scope="session")
def scores() -> dict[str, dict[str, float]]:
    """Every metric that the evaluation gives, by kind of task."""
    random = np.random.default_rng(0)
    classes = random.dirichlet(np.ones(3), 30)
    label = np.arange(30) % 3
    return {
        "binary": score(Task("binary", ("no", "yes")), label % 2, classes[:, :1]),
        "multiclass": score(Task("multiclass", ("a", "b", "c")), label, classes),
        "regression": score(Task("regression"), random.normal(size=30), random.normal(size=(30, 1))),
    }
