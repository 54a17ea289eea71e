"""Files by which a task that was killed goes on: in a folder, or in a bucket."""

import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from foldline.errors import ArgumentError
from foldline.object_store import client_from_environment, is_object_address, parse_address, read_whole


class Place(Protocol):
    """Where one file is kept."""

    def read(self) -> bytes | None: ...

    def write(self, content: bytes) -> None: ...

    def remove(self) -> None: ...


class FolderPlace:
    """A file of a folder; it is replaced whole."""

    def __init__(self, folder: Path, name: str) -> None:
        self._path = folder / name

    def read(self) -> bytes | None:
        return self._path.read_bytes() if self._path.exists() else None

    def write(self, content: bytes) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_suffix(f".{os.getpid()}")
        with fresh.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._path)

    def remove(self) -> None:
        self._path.unlink(missing_ok=True)


class BucketPlace:
    """An object of a bucket."""

    def __init__(self, uri: str, name: str, environment: Mapping[str, str]) -> None:
        address = parse_address(uri, argument="checkpoint_uri")
        self._bucket, self._key = address.bucket, f"{address.key}/{name}".lstrip("/")
        self._client = client_from_environment(uri, environment)

    def read(self) -> bytes | None:
        from minio.error import S3Error

        def whole() -> bytes:
            answer = self._client.get_object(self._bucket, self._key)
            try:
                return bytes(answer.read())
            finally:
                answer.close()
                answer.release_conn()

        try:
            return read_whole(whole)
        except S3Error as fault:
            if fault.code == "NoSuchKey":
                return None
            raise self._refused(fault) from fault

    def write(self, content: bytes) -> None:
        from minio.error import S3Error

        try:
            self._client.put_object(self._bucket, self._key, io.BytesIO(content), len(content))
        except S3Error as fault:
            raise self._refused(fault) from fault

    def remove(self) -> None:
        from minio.error import S3Error

        try:
            self._client.remove_object(self._bucket, self._key)
        except S3Error as fault:
            raise self._refused(fault) from fault

    def _refused(self, fault: Exception) -> ArgumentError:
        return ArgumentError(
            "checkpoint_uri",
            expected="a bucket that this task may read and write",
            got=f"s3://{self._bucket}/{self._key}: {getattr(fault, 'code', fault)}",
        )


def place_of(uri: str, name: str, environment: Mapping[str, str]) -> Place:
    """Where the file `name` below `uri`, a folder or the address of a bucket, is kept."""
    return BucketPlace(uri, name, environment) if is_object_address(uri) else FolderPlace(Path(uri), name)
