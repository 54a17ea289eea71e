"""A real S3 server on loopback for the length of a test, and what its clients need to know."""

import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

KEY, SECRET, REGION = "test-key", "test-secret", "us-east-1"
START_TIMEOUT_S = 30.0


class S3(NamedTuple):
    """A server, and the environment of a process that uses it."""

    endpoint: str
    environment: dict[str, str]

    def make_bucket(self, name: str) -> None:
        self._client().make_bucket(name)

    def objects(self, bucket: str) -> dict[str, bytes]:
        """Content of every object by its key."""
        client = self._client()
        keys = [entry.object_name for entry in client.list_objects(bucket, recursive=True)]
        return {key: client.get_object(bucket, key).read() for key in keys}

    def _client(self) -> Any:
        from minio import Minio

        host = self.endpoint.removeprefix("http://")
        return Minio(endpoint=host, access_key=KEY, secret_key=SECRET, secure=False, region=REGION)


@contextmanager
def server(folder: Path) -> Iterator[S3]:
    """Start moto's server, its log in `folder`; a machine without it skips the test."""
    from foldline_pipelines.local.environments import root

    program = root() / "s3" / "bin" / "moto_server"
    if not program.exists():
        pytest.skip("the S3 server (environment s3) is not installed: foldline environments s3 --test")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    endpoint = f"http://127.0.0.1:{port}"
    with (folder / "s3.log").open("wb") as log:
        process = subprocess.Popen(
            [str(program), "-H", "127.0.0.1", "-p", str(port)], stdout=log, stderr=subprocess.STDOUT
        )
    try:
        _wait(process, endpoint)
        names = {"FOLDLINE_S3_ENDPOINT": endpoint, "AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET}
        yield S3(endpoint, {**names, "AWS_REGION": REGION})
    finally:
        process.terminate()
        process.wait(timeout=10)


def _wait(process: subprocess.Popen[bytes], endpoint: str) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        assert process.poll() is None, "the S3 server ended"
        try:
            urllib.request.urlopen(f"{endpoint}/moto-api/", timeout=1).close()
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
        else:
            return
    raise AssertionError(f"the S3 server did not answer within {START_TIMEOUT_S} s")
