"""The inputs of all trials in the bucket: put there once for the same bytes, and fetched by each trial."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from minio import Minio
from minio.error import MinioException
from urllib3.exceptions import HTTPError

from foldline.artifacts.seal import content_digest, file_digest
from foldline.errors import StoreError
from foldline.object_store import client_from_environment, parse_address, read_whole
from foldline.training.places import place_of

FILES = "files.json"
_DIGITS = 32


def put_inputs(folders: Mapping[str, Path], state_uri: str) -> str:
    """Address of the files of `folders`, by name of folder; what is there already is not sent again.

    Raises:
        StoreError: the bucket cannot be written.
    """
    files = {
        f"{name}/{path.relative_to(folder).as_posix()}": file_digest(path)
        for name, folder in folders.items()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    address = f"{state_uri}/inputs/{content_digest(files).removeprefix('sha256:')[:_DIGITS]}"
    with _faults(address):
        # The list is written last: where it is there, all files are.
        done = place_of(address, FILES, os.environ)
        if done.read() is not None:
            return address
        client, (bucket, prefix) = _client(address), parse_address(address, argument="state_uri")
        for name in files:
            folder, _, rest = name.partition("/")
            client.fput_object(bucket, f"{prefix}/{name}", str(folders[folder] / rest))
        done.write(json.dumps(files).encode())
    return address


def fetch_inputs(address: str, folder: Path) -> None:
    """Write the files at `address` below `folder`, and check them.

    Raises:
        StoreError: the bucket cannot be read, or a file is not the one that was put there.
    """
    with _faults(address):
        listed = place_of(address, FILES, os.environ).read()
        if listed is None:
            raise StoreError(f"inputs at {address}", expected="the inputs of a search", got=f"no {FILES}")
        client, (bucket, prefix) = _client(address), parse_address(address, argument="inputs")
        files: dict[str, str] = json.loads(listed)
        for name, digest in files.items():
            if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
                raise StoreError(f"inputs at {address}", expected="files below their folder", got=repr(name))
            _fetch(client, bucket, f"{prefix}/{name}", folder / name)
            if (found := file_digest(folder / name)) != digest:
                raise StoreError(f"object {prefix}/{name}", expected=digest, got=found)


def _fetch(client: Minio, bucket: str, key: str, path: Path) -> None:
    read_whole(lambda: client.fget_object(bucket, key, str(path)))


def _client(address: str) -> Minio:
    return client_from_environment(address, os.environ)


@contextmanager
def _faults(address: str) -> Iterator[None]:
    try:
        yield
    except (MinioException, HTTPError) as fault:
        raise StoreError(
            f"inputs at {address}", expected="a bucket that can be read and written", got=str(fault)[:200]
        ) from fault
