"""What the tasks of a run on a server can read."""

from collections.abc import Mapping
from typing import Any

from foldline.errors import ArgumentError

# Addresses that a run on a server cannot do without, where its pipeline has them: what each is for.
_NEEDED = {"store_uri": "the model store", "state_uri": "what watches remember"}


def reachable(given: Mapping[str, Any], declared: Mapping[str, Any]) -> None:
    """Check that pods can read and keep what addresses among the arguments name, those of a run to be started too.

    Raises:
        ArgumentError: an address is a path of this machine, or the model store, or what watches remember, has none.
    """
    _check(given, "")
    if isinstance(started := given.get("arguments"), dict):
        _check(started, "arguments.")
    for name, what in _NEEDED.items():
        if name in declared and not given.get(name):
            raise ArgumentError(
                name,
                expected=f"a bucket for {what} (s3://, minio://)",
                got="none",
                fix="What a pod writes to its own disk ends with it.",
            )


def _check(given: Mapping[str, Any], place: str) -> None:
    for name, value in given.items():
        if name.endswith("_uri") and isinstance(value, str) and value and "://" not in value:
            raise ArgumentError(
                f"{place}{name}",
                expected="an address that pods reach (s3://, minio://, https://)",
                got=f"{value!r}, a path of this machine",
                fix="Copy it to a bucket; file:// names a path inside the pods.",
            )
