"""Small objects of a bucket, read with their entity tag and replaced under a condition."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import certifi
import urllib3
from minio import Minio
from minio.error import MinioException, S3Error

from foldline.errors import StoreError
from foldline.object_store import ObjectAddress, read_whole, repeated

WRITE_TIMEOUT_S = 30.0
PROBE = ".conditional-write"
_ABSENT = ("NoSuchKey", "NoSuchObject")


class Objects:
    """Those below one prefix. Uses `client` for everything but the conditional write, which the client library has no
    call for.

    Args:
        what: of the store, for messages: `model store s3://models`.
    """

    def __init__(self, what: str, client: Minio, address: ObjectAddress) -> None:
        self._what, self._client = what, client
        self._bucket, self._prefix = address
        self._conditions_hold = False

    def key(self, *parts: str) -> str:
        """The key of an object below the prefix."""
        return "/".join(part for part in (self._prefix, *parts) if part)

    def get(self, key: str) -> tuple[bytes, str] | None:
        """Content and entity tag of an object, or None where there is none.

        Raises:
            StoreError: the bucket cannot be read.
        """
        with self.faults():
            try:
                return read_whole(lambda: self._read(key))
            except S3Error as fault:
                if fault.code in _ABSENT:
                    return None
                raise

    def replace(self, key: str, body: bytes, tag: str | None) -> bool:
        """Write `body` if the object still has this entity tag (None: if there is none yet).

        A write whose answer was lost makes its repetition fail: what is stored then tells. So a body that two writers
        might both write says whose it is.

        Returns:
            Whether `body` is what is stored.

        Raises:
            StoreError: the bucket cannot be written, or ignores conditions, where two writers would overwrite each
                other unseen.
        """
        self._check_conditions()
        condition = {"If-None-Match": "*"} if tag is None else {"If-Match": f'"{tag}"'}
        try:
            if self._put_if(key, body, condition):
                return True
        except urllib3.exceptions.HTTPError as fault:
            if self._holds(key, body):
                return True
            raise StoreError(self._what, expected="an answer to a write", got=str(fault)[:200]) from fault
        return self._holds(key, body)

    @contextmanager
    def faults(self) -> Iterator[None]:
        """A block whose faults of the bucket become StoreError."""
        try:
            yield
        except S3Error as fault:
            raise StoreError(
                self._what, expected="a bucket that can be read and written", got=f"{fault.code}: {fault.message}"
            ) from fault
        except (MinioException, urllib3.exceptions.HTTPError, OSError) as fault:
            raise StoreError(self._what, expected="a bucket that can be reached", got=str(fault)[:200]) from fault

    def _holds(self, key: str, body: bytes) -> bool:
        found = self.get(key)
        return found is not None and found[0] == body

    def _check_conditions(self) -> None:
        if self._conditions_hold:
            return
        key = self.key(PROBE)
        with self.faults():
            self._client.put_object(self._bucket, key, io.BytesIO(b"{}"), 2)
            for condition in ({"If-None-Match": "*"}, {"If-Match": '"00000000000000000000000000000000"'}):
                if self._put_if(key, b"{}", condition):
                    raise StoreError(
                        self._what,
                        expected=f"a bucket with conditional writes ({next(iter(condition))})",
                        got="one that ignores the condition",
                        fix="Use a store that has them (Amazon S3, MinIO), or a folder.",
                    )
        self._conditions_hold = True

    def _put_if(self, key: str, body: bytes, condition: dict[str, str]) -> bool:
        """Write `body` if the condition holds; whether it did."""
        address = self._client.get_presigned_url("PUT", self._bucket, key, expires=timedelta(minutes=5))
        with urllib3.PoolManager(ca_certs=certifi.where(), timeout=WRITE_TIMEOUT_S, retries=repeated()) as pool:
            answer = pool.request("PUT", address, body=body, headers=condition)
        if answer.status in (409, 412):
            return False
        if answer.status != 200:
            raise StoreError(
                f"object {key} of {self._what}",
                expected="a write",
                got=f"status {answer.status}: {answer.data[:200]!r}",
            )
        return True

    def _read(self, key: str) -> tuple[bytes, str]:
        answer = self._client.get_object(self._bucket, key)
        try:
            return answer.read(), str(answer.headers["etag"]).strip('"')
        finally:
            answer.close()
            answer.release_conn()
