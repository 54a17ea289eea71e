"""Files that others write while a rollout runs, of this machine or of a bucket: listed, and read where they grew."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from foldline.errors import ServingError
from foldline.object_store import client_from_environment, is_object_address, parse_address, read_whole


class Files(Protocol):
    """Files below one address, by name."""

    def sizes(self) -> dict[str, int]:
        """Bytes of each; none where the address is not there yet. Raises ServingError where it cannot be read."""
        ...

    def read(self, name: str, offset: int, most: int = 0) -> bytes:
        """What the file has from this byte on, at most `most` bytes where that is not 0. Raises ServingError."""
        ...


def files(uri: str, argument: str) -> Files:
    """The files below a folder or a bucket's prefix, or the one at this address."""
    return BucketFiles(uri, argument) if is_object_address(uri) else LocalFiles(Path(uri), argument)


class LocalFiles:
    """Files of this machine."""

    def __init__(self, path: Path, argument: str) -> None:
        self._path, self._argument = path, argument

    def sizes(self) -> dict[str, int]:
        with _told(self._argument, str(self._path)):
            found = [self._path] if self._path.is_file() else sorted(self._path.rglob("*"))
            return {str(path): path.stat().st_size for path in found if path.is_file()}

    def read(self, name: str, offset: int, most: int = 0) -> bytes:
        with _told(self._argument, name), Path(name).open("rb") as file:
            file.seek(offset)
            return file.read(most or -1)


class BucketFiles:
    """Objects of a bucket."""

    def __init__(self, uri: str, argument: str) -> None:
        self._uri, self._argument = uri, argument
        self._bucket, self._key = parse_address(uri, argument=argument)
        self._client = client_from_environment(uri, os.environ)

    def sizes(self) -> dict[str, int]:
        with _told(self._argument, self._uri):
            listed = self._client.list_objects(self._bucket, prefix=self._key, recursive=True)
            below = (self._key, f"{self._key}/")
            return {
                str(one.object_name): int(one.size or 0)
                for one in listed
                if not self._key or one.object_name == below[0] or str(one.object_name).startswith(below[1])
            }

    def read(self, name: str, offset: int, most: int = 0) -> bytes:
        def whole() -> bytes:
            answer = self._client.get_object(self._bucket, name, offset=offset, length=most)
            try:
                return answer.read()
            finally:
                answer.close()
                answer.release_conn()

        with _told(self._argument, f"{name} in {self._uri}"):
            return read_whole(whole)


@contextmanager
def _told(argument: str, what: str) -> Iterator[None]:
    import urllib3
    from minio.error import MinioException

    try:
        yield
    except (OSError, MinioException, urllib3.exceptions.HTTPError) as fault:
        raise ServingError(f"{argument} at {what}", expected="files that can be read", got=str(fault)[:200]) from None
