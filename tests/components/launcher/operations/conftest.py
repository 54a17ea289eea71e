"""The wire of Kubeflow Pipelines with a pipeline on it, and an S3 server."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from builders import kubeflow, s3, triggers


@pytest.fixture(scope="module")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[s3.S3]:
    with s3.server(tmp_path_factory.mktemp("s3")) as running:
        running.make_bucket("watch")
        yield running


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[kubeflow.Kubeflow]:
    """Where kfp finds its endpoint; two versions of the pipeline are there."""
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    with kubeflow.serving() as running:
        monkeypatch.setenv("KF_PIPELINES_ENDPOINT", running.url)
        triggers.uploaded(running, "first", "second")
        yield running
