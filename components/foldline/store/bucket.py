"""A model store in a bucket that speaks S3; the same names as in a folder, below the address's prefix.

A version is complete when its manifest is there, which is written last. An alias moves by a conditional write
(`If-Match`, or `If-None-Match: *` for the first), so of two writers one is told.
"""

import atexit
import io
import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path, PurePosixPath

import certifi
import urllib3
from minio import Minio
from minio.error import MinioException, S3Error

from foldline.artifacts import Model
from foldline.artifacts.model import MANIFEST
from foldline.artifacts.seal import Manifest, read_json
from foldline.errors import StoreError
from foldline.object_store import RETRIES, ObjectAddress, read_whole, repeated
from foldline.store.alias import AliasRecord
from foldline.store.store import Change, Store

WRITE_TIMEOUT_S = 30.0
PROBE = ".conditional-write"
_ABSENT = ("NoSuchKey", "NoSuchObject")


class BucketStore(Store):
    """Uses `client` for everything but the conditional write, which the client library has no call for."""

    def __init__(self, uri: str, client: Minio, address: ObjectAddress) -> None:
        super().__init__(uri)
        self._client = client
        self._bucket, self._prefix = address
        self._fetched = Path(tempfile.mkdtemp(prefix="foldline-store-"))
        atexit.register(shutil.rmtree, self._fetched, ignore_errors=True)
        self._conditions_hold = False

    def location(self, model_name: str, version: str) -> str:
        return f"s3://{self._bucket}/{self._key(model_name, 'versions', version)}"

    def _digest(self, model_name: str, version: str) -> str | None:
        found = self._get(self._key(model_name, "versions", version, MANIFEST))
        return str(self._manifest(found[0], model_name, version).get("seal")) if found else None

    def _install(self, model_name: str, version: str, model: Model) -> None:
        with self._faults():
            for name in [*read_json(model.path / MANIFEST)["files"], MANIFEST]:
                key = self._key(model_name, "versions", version, name)
                self._client.fput_object(self._bucket, key, str(model.path / name))

    def _local(self, model_name: str, version: str) -> Path:
        path = self._fetched / model_name / version
        if (path / MANIFEST).exists():
            return path
        found = self._get(self._key(model_name, "versions", version, MANIFEST))
        if found is None:
            raise StoreError(self._name(model_name, version), expected="a registered version", got="no such version")
        for name in self._manifest(found[0], model_name, version).get("files", {}):
            if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
                raise StoreError(self._name(model_name, version), expected="files below its folder", got=repr(name))
            key, file = self._key(model_name, "versions", version, name), str(path / name)
            with self._faults():
                self._download(key, file)
        path.mkdir(parents=True, exist_ok=True)
        (path / MANIFEST).write_bytes(found[0])
        return path

    def _record(self, model_name: str, alias: str) -> AliasRecord | None:
        found = self._get(self._alias_key(model_name, alias))
        return AliasRecord.parse(found[0], self._alias_key(model_name, alias)) if found else None

    def _change(self, model_name: str, alias: str, change: Change) -> None:
        self._check_conditions()
        key = self._alias_key(model_name, alias)
        found = self._get(key)
        before = AliasRecord.parse(found[0], key) if found else None
        after = change(before)
        if after is None:
            return
        condition = {"If-Match": f'"{found[1]}"'} if found else {"If-None-Match": "*"}
        body = json.dumps(after.to_json(), indent=2).encode()
        for _ in range(RETRIES):
            try:
                written = self._put_if(key, body, condition)
            except urllib3.exceptions.HTTPError as fault:
                # No answer came, but perhaps the write was done.
                if self._record(model_name, alias) == after:
                    return
                raise StoreError(
                    f"model store {self.uri}", expected="an answer to a write", got=str(fault)[:200]
                ) from fault
            if written:
                return
            # A write whose answer was lost makes the next one fail: what is stored tells.
            now = self._record(model_name, alias)
            if now == after:
                return
            if now != before:
                break
        raise self.conflict(
            model_name, alias, before.version if before else "nothing", now.version if now else "nothing"
        )

    def _check_conditions(self) -> None:
        """Refuse a bucket that ignores conditions, where two writers would overwrite each other unseen."""
        if self._conditions_hold:
            return
        key = "/".join(part for part in (self._prefix, PROBE) if part)
        with self._faults():
            self._client.put_object(self._bucket, key, io.BytesIO(b"{}"), 2)
            for condition in ({"If-None-Match": "*"}, {"If-Match": '"00000000000000000000000000000000"'}):
                if self._put_if(key, b"{}", condition):
                    raise StoreError(
                        f"model store {self.uri}",
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
                f"object {key} of {self.uri}", expected="a write", got=f"status {answer.status}: {answer.data[:200]!r}"
            )
        return True

    def _get(self, key: str) -> tuple[bytes, str] | None:
        """Content and entity tag of an object, or None where there is none."""
        with self._faults():
            try:
                return read_whole(lambda: self._read(key))
            except S3Error as fault:
                if fault.code in _ABSENT:
                    return None
                raise

    def _download(self, key: str, file: str) -> None:
        read_whole(lambda: self._client.fget_object(self._bucket, key, file))

    def _read(self, key: str) -> tuple[bytes, str]:
        answer = self._client.get_object(self._bucket, key)
        try:
            return answer.read(), str(answer.headers["etag"]).strip('"')
        finally:
            answer.close()
            answer.release_conn()

    def _manifest(self, text: bytes, model_name: str, version: str) -> Manifest:
        try:
            content = json.loads(text)
        except ValueError:
            content = None
        if not isinstance(content, dict):
            raise StoreError(self._name(model_name, version), expected="a manifest", got=repr(text[:60]))
        return content

    def _alias_key(self, model_name: str, alias: str) -> str:
        return self._key(model_name, "aliases", f"{alias}.json")

    def _key(self, *parts: str) -> str:
        return "/".join(part for part in (self._prefix, *parts) if part)

    @contextmanager
    def _faults(self) -> Iterator[None]:
        try:
            yield
        except S3Error as fault:
            raise StoreError(
                f"model store {self.uri}",
                expected="a bucket that can be read and written",
                got=f"{fault.code}: {fault.message}",
            ) from fault
        except (MinioException, urllib3.exceptions.HTTPError, OSError) as fault:
            raise StoreError(
                f"model store {self.uri}", expected="a bucket that can be reached", got=str(fault)[:200]
            ) from fault
