"""Checkpoints of a training: from them a killed task goes on, and ends with the same result."""

import hashlib
import io
import json
import os
import time
import zipfile
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

import jax
import numpy as np
from urllib3.exceptions import HTTPError

from foldline.errors import ArgumentError, FoldlineError
from foldline.object_store import client_from_environment, is_object_address, parse_address, read_whole

FORM = "foldline.checkpoint/1"
# A checkpoint is written when training has lasted this many times as long as writing one takes.
WORTH = 20.0
NOTES = "notes"


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


class Checkpoint:
    """The checkpoint of one training, found again by what determines its result.

    Args:
        uri: folder, or `s3://` or `minio://` address; one may serve many trainings.
        identity: everything that the result depends on, as JSON values.
        say: takes a line where a checkpoint is found or cannot be used.
    """

    def __init__(self, uri: str, identity: Mapping[str, Any], environment: Mapping[str, str], say: Any = print) -> None:
        versions = {name: version(name) for name in ("jax", "keras")}
        text = json.dumps({"form": FORM, "versions": versions, **identity}, sort_keys=True)
        self._identity = hashlib.sha256(text.encode()).hexdigest()
        name = f"{self._identity[:32]}.npz"
        self._place: Place = (
            BucketPlace(uri, name, environment) if is_object_address(uri) else FolderPlace(Path(uri), name)
        )
        self._say, self._written, self._cost = say, time.monotonic(), 0.0

    def load(self) -> tuple[dict[str, Any], list[Any]] | None:
        """Notes and arrays of the last checkpoint; None where there is none that can be read."""
        content = self._place.read()
        if content is None:
            return None
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as stored:
                notes = json.loads(str(stored[NOTES]))
                arrays = [stored[f"{index:05}"] for index in range(notes["arrays"])]
        except (ValueError, KeyError, EOFError, OSError, zipfile.BadZipFile) as fault:
            self._say(f"the checkpoint cannot be read ({type(fault).__name__}): training begins anew")
            return None
        return notes, arrays

    @property
    def due(self) -> bool:
        """Whether writing costs little beside what has been trained since the last one."""
        return time.monotonic() - self._written >= WORTH * self._cost

    def save(self, notes: Mapping[str, Any], tree: Any) -> None:
        """Write notes and the arrays of `tree`."""
        began = time.monotonic()
        leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(tree)]
        file = io.BytesIO()
        named = {f"{index:05}": leaf for index, leaf in enumerate(leaves)}
        text = np.array(json.dumps({**notes, "arrays": len(leaves)}))
        np.savez(file, allow_pickle=False, **{NOTES: text}, **named)
        try:
            self._place.write(file.getvalue())
        except HTTPError as fault:
            # A store that is away for a while must not end a training of hours.
            self._say(f"no checkpoint: {type(fault).__name__}; training goes on")
        self._written = time.monotonic()
        self._cost = self._written - began

    def remove(self) -> None:
        """Remove it, once the result is written; where that is refused, it stays."""
        try:
            self._place.remove()
        except (FoldlineError, HTTPError) as fault:
            self._say(f"the checkpoint stays: {fault}")
