"""Small JSON objects that several tasks share, in a folder or a bucket: of two that change one at once, each sees what
the other wrote."""

import fcntl
import json
import os
import random
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any

from foldline.artifacts.seal import write_json
from foldline.errors import StoreError
from foldline.object_store import client_from_environment, is_object_address, parse_address
from foldline.store.opening import folder_of

Content = dict[str, Any]
Change = Callable[[Content | None], Content | None]
ATTEMPTS = 20
PAUSE_S = 0.05


class Records(ABC):
    """Records by name (words of letters, digits, dots and dashes, parted by `/`)."""

    @abstractmethod
    def read(self, name: str) -> Content | None:
        """The record, or None where there is none.

        Raises:
            StoreError: it cannot be read, or is no JSON object.
        """

    @abstractmethod
    def change(self, name: str, change: Change) -> None:
        """Replace a record by what `change` makes of it (None: of no record), unless that is None.

        Where somebody else changed the record meanwhile, `change` is asked again; so it only computes. In a bucket a
        change that two could write alike must say whose it is.

        Raises:
            StoreError: the record cannot be read or written.
        """


class FolderRecords(Records):
    """One file a record; writers take an exclusive lock (`flock`), readers need none."""

    def __init__(self, root: Path) -> None:
        self._root = root.absolute()

    def read(self, name: str) -> Content | None:
        path = self._path(name)
        try:
            return _parsed(path.read_bytes(), str(path))
        except FileNotFoundError:
            return None
        except OSError as fault:
            raise self._fault(fault) from fault

    def change(self, name: str, change: Change) -> None:
        path = self._path(name)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.with_name(f".{path.name}.lock").open("a") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                after = change(self.read(name))
                if after is not None:
                    write_json(path, after)
        except OSError as fault:
            raise self._fault(fault) from fault

    def _path(self, name: str) -> Path:
        return self._root / f"{name}.json"

    def _fault(self, fault: OSError) -> StoreError:
        return StoreError(
            f"records in {self._root}", expected="a folder that can be read and written", got=str(fault.strerror)
        )


class BucketRecords(Records):
    """One object a record, replaced by a conditional write."""

    def __init__(self, uri: str, argument: str) -> None:
        from foldline.store.objects import Objects

        address = parse_address(uri, argument=argument)
        self._objects = Objects(f"records in {uri}", client_from_environment(uri, os.environ), address)

    def read(self, name: str) -> Content | None:
        key = self._objects.key(f"{name}.json")
        found = self._objects.get(key)
        return _parsed(found[0], key) if found else None

    def change(self, name: str, change: Change) -> None:
        key = self._objects.key(f"{name}.json")
        for attempt in range(ATTEMPTS):
            found = self._objects.get(key)
            after = change(_parsed(found[0], key) if found else None)
            if after is None:
                return
            body = json.dumps(after, indent=2, allow_nan=False).encode()
            if self._objects.replace(key, body, found[1] if found else None):
                return
            time.sleep(random.uniform(0.0, PAUSE_S * (attempt + 1)))
        raise StoreError(
            f"record {key}", expected=f"to be changed within {ATTEMPTS} attempts", got="another writer each time"
        )


def open_records(uri: str, *, argument: str) -> Records:
    """The records in a folder (a path or `file:///folder`) or below `s3://bucket/prefix` or `minio://bucket/prefix`.

    A folder that does not exist holds none. Keys of a bucket come from the environment.

    Args:
        argument: name of the parameter that `uri` came in, for messages.

    Raises:
        ArgumentError: `uri` is none of these.
    """
    return BucketRecords(uri, argument) if is_object_address(uri) else FolderRecords(folder_of(uri, argument=argument))


def _parsed(text: bytes, where: str) -> Content:
    try:
        content = json.loads(text)
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise StoreError(
            f"record {where}",
            expected="a JSON object",
            got=repr(text[:60]),
            fix="The record was edited or torn; put back what it was, or remove it.",
        )
    return content
