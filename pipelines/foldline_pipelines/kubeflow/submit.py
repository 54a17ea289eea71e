"""What the tasks of a run on a server can read."""

from collections.abc import Mapping
from typing import Any

from foldline.errors import ArgumentError


def reachable(given: Mapping[str, Any], declared: Mapping[str, Any]) -> None:
    """Check that pods can read and keep what the addresses among the arguments name.

    Raises:
        ArgumentError: an address is a path of this machine, or the model store has none.
    """
    for name, value in given.items():
        if name.endswith("_uri") and value and "://" not in value:
            raise ArgumentError(
                name,
                expected="an address that pods reach (s3://, minio://, https://)",
                got=f"{value!r}, a path of this machine",
                fix="Copy it to a bucket; file:// names a path inside the pods.",
            )
    if "store_uri" in declared and not given.get("store_uri"):
        raise ArgumentError(
            "store_uri",
            expected="a bucket for the model store (s3://, minio://)",
            got="none",
            fix="What a pod writes to its own disk ends with it.",
        )
