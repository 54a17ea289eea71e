"""Each test runs on both kinds of store."""

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from builders import s3


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[s3.S3]:
    with s3.server(tmp_path_factory.mktemp("s3")) as running:
        yield running


@pytest.fixture(params=["folder", "bucket"])
def store_uri(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Address of an empty store."""
    if request.param == "folder":
        return str(tmp_path / "store")
    running: s3.S3 = request.getfixturevalue("server")
    for name, value in running.environment.items():
        monkeypatch.setenv(name, value)
    bucket = f"b-{uuid.uuid4().hex[:12]}"
    running.make_bucket(bucket)
    return f"s3://{bucket}/models/here"


@pytest.fixture
def overwrite(store_uri: str) -> Callable[[str, bytes], None]:
    """Replaces what is stored under a name below the store's root."""

    def write(name: str, content: bytes) -> None:
        if not store_uri.startswith("s3://"):
            (Path(store_uri) / name).write_bytes(content)
            return
        import io
        import os

        from foldline.object_store import client_from_environment, parse_address

        bucket, prefix = parse_address(store_uri, argument="store_uri")
        client = client_from_environment(store_uri, os.environ)
        client.put_object(bucket, f"{prefix}/{name}", io.BytesIO(content), len(content))

    return write
