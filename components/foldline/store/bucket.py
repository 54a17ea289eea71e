"""A model store in a bucket that speaks S3; the same names as in a folder, below the address's prefix.

A version is complete when its manifest is there, which is written last. An alias moves by a conditional write
(`If-Match`, or `If-None-Match: *` for the first), so of two writers one is told.
"""

import atexit
import json
import shutil
import tempfile
from pathlib import Path, PurePosixPath

from minio import Minio

from foldline.artifacts import Model
from foldline.artifacts.model import MANIFEST
from foldline.artifacts.seal import Manifest, read_json
from foldline.errors import StoreError
from foldline.object_store import RETRIES, ObjectAddress, read_whole
from foldline.store.alias import AliasRecord
from foldline.store.objects import Objects
from foldline.store.store import Change, Store


class BucketStore(Store):
    """Models and aliases as objects below the address's prefix."""

    def __init__(self, uri: str, client: Minio, address: ObjectAddress) -> None:
        super().__init__(uri)
        self._client, self._bucket = client, address.bucket
        self._objects = Objects(f"model store {uri}", client, address)
        self._fetched = Path(tempfile.mkdtemp(prefix="foldline-store-"))
        atexit.register(shutil.rmtree, self._fetched, ignore_errors=True)

    def location(self, model_name: str, version: str) -> str:
        return f"s3://{self._bucket}/{self._objects.key(model_name, 'versions', version)}"

    def _digest(self, model_name: str, version: str) -> str | None:
        found = self._objects.get(self._objects.key(model_name, "versions", version, MANIFEST))
        return str(self._manifest(found[0], model_name, version).get("seal")) if found else None

    def _install(self, model_name: str, version: str, model: Model) -> None:
        with self._objects.faults():
            for name in [*read_json(model.path / MANIFEST)["files"], MANIFEST]:
                key = self._objects.key(model_name, "versions", version, name)
                self._client.fput_object(self._bucket, key, str(model.path / name))

    def _local(self, model_name: str, version: str) -> Path:
        path = self._fetched / model_name / version
        if (path / MANIFEST).exists():
            return path
        found = self._objects.get(self._objects.key(model_name, "versions", version, MANIFEST))
        if found is None:
            raise StoreError(self._name(model_name, version), expected="a registered version", got="no such version")
        for name in self._manifest(found[0], model_name, version).get("files", {}):
            if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
                raise StoreError(self._name(model_name, version), expected="files below its folder", got=repr(name))
            key, file = self._objects.key(model_name, "versions", version, name), str(path / name)
            with self._objects.faults():
                self._download(key, file)
        path.mkdir(parents=True, exist_ok=True)
        (path / MANIFEST).write_bytes(found[0])
        return path

    def _record(self, model_name: str, alias: str) -> AliasRecord | None:
        found = self._objects.get(self._alias_key(model_name, alias))
        return AliasRecord.parse(found[0], self._alias_key(model_name, alias)) if found else None

    def _change(self, model_name: str, alias: str, change: Change) -> None:
        key = self._alias_key(model_name, alias)
        found = self._objects.get(key)
        before = AliasRecord.parse(found[0], key) if found else None
        after = change(before)
        if after is None:
            return
        body = json.dumps(after.to_json(), indent=2).encode()
        for _ in range(RETRIES):
            if self._objects.replace(key, body, found[1] if found else None):
                return
            now = self._record(model_name, alias)
            if now != before:
                break
        raise self.conflict(
            model_name, alias, before.version if before else "nothing", now.version if now else "nothing"
        )

    def _download(self, key: str, file: str) -> None:
        read_whole(lambda: self._client.fget_object(self._bucket, key, file))

    def _manifest(self, text: bytes, model_name: str, version: str) -> Manifest:
        try:
            content = json.loads(text)
        except ValueError:
            content = None
        if not isinstance(content, dict):
            raise StoreError(self._name(model_name, version), expected="a manifest", got=repr(text[:60]))
        return content

    def _alias_key(self, model_name: str, alias: str) -> str:
        return self._objects.key(model_name, "aliases", f"{alias}.json")
