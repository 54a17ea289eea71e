"""Digests of artifacts, and files that are either whole or not there."""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def digest(path: Path) -> str:
    """`sha256:` and the digest of a file's bytes, or of a folder's relative paths and bytes; empty where nothing is.

    Each file enters with the length of its path and its size, so that no two trees share an encoding.
    """
    if not path.exists():
        return ""
    content = hashlib.sha256()
    inside = [file for file in path.rglob("*") if file.is_file()] if path.is_dir() else []
    named = sorted((file.relative_to(path).as_posix(), file) for file in inside) if path.is_dir() else [("", path)]
    for name, file in named:
        encoded = name.encode("utf-8", "surrogateescape")
        content.update(f"{len(encoded)}:{file.stat().st_size}:".encode() + encoded)
        with file.open("rb") as stream:
            content.update(hashlib.file_digest(stream, "sha256").digest())
    return f"sha256:{content.hexdigest()}"


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write `value` beside `path` and move it there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_text(json.dumps(value, indent=1, allow_nan=False, default=str) + "\n", encoding="utf-8")
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
