"""A model store in a folder.

<root>/<model_name>/versions/<version>/…      a model, as exported
<root>/<model_name>/aliases/<alias>.json      the version that the alias names, and its history
"""

import fcntl
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from foldline.artifacts import Model
from foldline.artifacts.model import MANIFEST
from foldline.artifacts.seal import read_json, write_json
from foldline.errors import StoreError
from foldline.store.alias import AliasRecord
from foldline.store.store import Change, Store


class FolderStore(Store):
    """Writers take an exclusive lock on the alias (`flock`, so the file system must have it); readers need none."""

    def __init__(self, uri: str, root: Path) -> None:
        super().__init__(uri)
        self._root = root.absolute()

    def location(self, model_name: str, version: str) -> str:
        return str(self._local(model_name, version))

    def _digest(self, model_name: str, version: str) -> str | None:
        manifest = self._local(model_name, version) / MANIFEST
        with self._faults():
            if not manifest.exists():
                return None
        stated = read_json(manifest)
        return str(stated.get("seal")) if isinstance(stated, dict) else ""

    def _install(self, model_name: str, version: str, model: Model) -> None:
        target = self._local(model_name, version)
        incoming = target.with_name(f".incoming-{version}-{uuid.uuid4().hex}")
        try:
            with self._faults():
                for name in [*read_json(model.path / MANIFEST)["files"], MANIFEST]:
                    (incoming / name).parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(model.path / name, incoming / name)
            Model.read(incoming)
            with self._faults():
                try:
                    incoming.rename(target)
                except OSError:
                    # Another writer of the same model was first; what lies there is verified by the caller.
                    if not (target / MANIFEST).exists():
                        raise
        finally:
            shutil.rmtree(incoming, ignore_errors=True)

    def _local(self, model_name: str, version: str) -> Path:
        return self._root / model_name / "versions" / version

    def _record(self, model_name: str, alias: str) -> AliasRecord | None:
        path = self._alias_path(model_name, alias)
        with self._faults():
            try:
                text = path.read_bytes()
            except FileNotFoundError:
                return None
        return AliasRecord.parse(text, str(path))

    def _change(self, model_name: str, alias: str, change: Change) -> None:
        path = self._alias_path(model_name, alias)
        with self._faults():
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.with_name(f".{alias}.lock").open("a") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                after = change(self._record(model_name, alias))
                if after is not None:
                    write_json(path, after.to_json())

    def _alias_path(self, model_name: str, alias: str) -> Path:
        return self._root / model_name / "aliases" / f"{alias}.json"

    @contextmanager
    def _faults(self) -> Iterator[None]:
        try:
            yield
        except OSError as fault:
            raise StoreError(
                f"model store {self.uri}",
                expected="a folder that can be read and written",
                got=f"{fault.strerror}: {fault.filename or self._root}",
            ) from fault
