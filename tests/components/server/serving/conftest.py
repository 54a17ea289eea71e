"""One small dataset and one running server a session."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from builders import models, serving
from foldline.artifacts import Dataset, Model


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this test's sites and rollouts are, and not those of the person who runs it."""
    monkeypatch.setenv("FOLDLINE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("serving")


@pytest.fixture(scope="session")
def dataset(place: Path) -> Dataset:
    return models.dataset(place / "dataset", rows=200)


@pytest.fixture(scope="session")
def model(place: Path) -> Model:
    return models.model(place / "model", [1, 2, 3])


@pytest.fixture(scope="session")
def server(model: Model) -> Iterator[serving.Server]:
    with serving.running("--model-dir", str(model.path), "--model", "late") as started:
        yield started
