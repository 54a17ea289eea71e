"""What every model store does; where the bytes lie is the backends' matter."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from foldline.artifacts import Model
from foldline.errors import StoreError
from foldline.store.alias import AliasRecord, Move
from foldline.store.naming import check_name, check_version, version_of

CHAMPION = "champion"
Change = Callable[[AliasRecord | None], AliasRecord | None]


class Store(ABC):
    """Registered models, one complete directory a version, and aliases that move in one step."""

    def __init__(self, uri: str) -> None:
        self.uri = uri

    def register(self, model_name: str, model: Path) -> str:
        """Copy the model at `model` into the store and give its version; a second time is a no-op.

        A version is there completely or not at all.

        Raises:
            ArtifactError: the model is torn, or what the store holds under its version is.
            StoreError: the store cannot be written, or holds another model under this version.
        """
        check_name("model_name", model_name)
        read = Model.read(model)
        version = version_of(read.digest)
        if self._digest(model_name, version) is None:
            self._install(model_name, version, read)
        held = Model.read(self.fetch(model_name, version)).digest
        if held != read.digest:
            raise StoreError(self._name(model_name, version), expected=read.digest, got=held)
        return version

    def fetch(self, model_name: str, version: str) -> Path:
        """Folder on this machine with the verified model; it lasts as long as this process.

        Raises:
            ArtifactError: what the store holds is torn or edited.
            StoreError: the store cannot be read, has no such version, or another model in its place.
        """
        if self._digest(check_name("model_name", model_name), check_version(version)) is None:
            raise StoreError(
                self._name(model_name, version),
                expected="a registered version",
                got="no such version",
                fix="Register it.",
            )
        path = self._local(model_name, version)
        held = Model.read(path).digest
        if version_of(held) != version:
            raise StoreError(self._name(model_name, version), expected=f"a model with the digest {version}…", got=held)
        return path

    @abstractmethod
    def location(self, model_name: str, version: str) -> str:
        """Address of the folder that holds the version's files: a path, or s3://bucket/key."""

    def alias(self, model_name: str, alias: str) -> str | None:
        """The version that `alias` names, or None where it was never set.

        Raises:
            StoreError: the store or the alias cannot be read; that is never None.
        """
        record = self._record(check_name("model_name", model_name), check_name("alias", alias))
        return record.version if record else None

    def set_alias(self, model_name: str, alias: str, version: str, *, expected: str | None) -> None:
        """Let `alias` name `version`, if it still names `expected` (None: nothing yet); a no-op where it is so already.

        Raises:
            StoreError: somebody else moved the alias meanwhile, or the version is not registered.
        """
        check_version(version)
        digest = self._digest(check_name("model_name", model_name), version)
        if digest is None:
            raise StoreError(self._name(model_name, version), expected="a registered version", got="no such version")

        def change(record: AliasRecord | None) -> AliasRecord | None:
            current = record.version if record else None
            if current == version:
                return None
            if current != expected:
                raise self.conflict(model_name, alias, expected or "nothing", current or "nothing")
            return (record or AliasRecord(())).moved(version, digest, _now())

        self._change(model_name, check_name("alias", alias), change)

    def rollback(self, model_name: str, alias: str = CHAMPION) -> tuple[str, str]:
        """Move `alias` back to the version that it named before, and give both: from and to.

        Raises:
            StoreError: it never named another version, or somebody else moved it meanwhile.
        """
        moved: list[str] = []

        def change(record: AliasRecord | None) -> AliasRecord:
            after = record.rolled_back(_now()) if record else None
            if record is None or after is None:
                raise StoreError(
                    f"alias {alias} of model {model_name} in {self.uri}",
                    expected="a version before the current one",
                    got="none" if record else "an alias that was never set",
                )
            moved[:] = [record.version, after.version]
            return after

        self._change(check_name("model_name", model_name), check_name("alias", alias), change)
        return moved[0], moved[1]

    def history(self, model_name: str, alias: str = CHAMPION) -> tuple[Move, ...]:
        """Every move of `alias`, the oldest first."""
        record = self._record(check_name("model_name", model_name), check_name("alias", alias))
        return record.moves if record else ()

    def conflict(self, model_name: str, alias: str, expected: str, got: str) -> StoreError:
        """The error for an alias that somebody else moved."""
        return StoreError(
            f"alias {alias} of model {model_name} in {self.uri}",
            expected=f"{expected}, as when the comparison was made",
            got=got,
            fix="Somebody else moved it; compare the challenger with the new champion.",
        )

    def _name(self, model_name: str, version: str) -> str:
        return f"version {version} of model {model_name} in {self.uri}"

    @abstractmethod
    def _digest(self, model_name: str, version: str) -> str | None:
        """Digest that the version's manifest states, or None where there is no complete version."""

    @abstractmethod
    def _install(self, model_name: str, version: str, model: Model) -> None:
        """Copy the model's files so that the version appears complete."""

    @abstractmethod
    def _local(self, model_name: str, version: str) -> Path:
        """Folder on this machine with the version's files."""

    @abstractmethod
    def _record(self, model_name: str, alias: str) -> AliasRecord | None:
        """The alias as stored."""

    @abstractmethod
    def _change(self, model_name: str, alias: str, change: Change) -> None:
        """Replace the alias by what `change` makes of it (None: leave it), as one step among all writers."""


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
