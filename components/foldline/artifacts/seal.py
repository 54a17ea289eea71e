"""Seals: a manifest that names every file of an artifact with its digest, and itself."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from foldline.errors import ArtifactError

Manifest = dict[str, Any]


def file_digest(path: Path) -> str:
    """`sha256:` and the hexadecimal digest of the file's bytes."""
    with path.open("rb") as stream:
        return f"sha256:{hashlib.file_digest(stream, 'sha256').hexdigest()}"


def content_digest(content: Any) -> str:
    """Digest of a JSON value in its canonical form (sorted keys, no spaces)."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def write_json(path: Path, content: Any) -> None:
    """Write `content` so that a reader sees the old file or the whole new one."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    temporary.replace(path)


def read_json(path: Path) -> Any:
    """The JSON value in `path`.

    Raises:
        ArtifactError: the file is missing or is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ArtifactError(f"file {path}", expected="an artifact's manifest", got="no such file") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as fault:
        raise ArtifactError(f"file {path}", expected="a JSON document", got=f"{fault}") from None


def seal(folder: Path, manifest_name: str, form: str, content: Manifest) -> Manifest:
    """Write the manifest of `folder`: `content`, the digests of all other files, and a digest of the manifest itself.

    Args:
        form: name and version of the artifact's form, as `foldline.dataset/1`.

    Returns:
        The manifest as written; its `seal` is the digest of the whole artifact.
    """
    files = {
        path.relative_to(folder).as_posix(): file_digest(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path != folder / manifest_name
    }
    manifest = {"form": form, **content, "files": files}
    manifest["seal"] = content_digest(manifest)
    write_json(folder / manifest_name, manifest)
    return manifest


def open_sealed(folder: Path, manifest_name: str, form: str) -> Manifest:
    """Read the manifest of `folder` and check form, seal and every file against it.

    Raises:
        ArtifactError: naming the file and field that are not as written.
    """
    path = folder / manifest_name
    manifest: Manifest = read_json(path)
    found = manifest.get("form") if isinstance(manifest, dict) else None
    if found != form:
        raise ArtifactError(f"field form of {path}", expected=form, got=repr(found))
    expected = content_digest({key: value for key, value in manifest.items() if key != "seal"})
    if manifest.get("seal") != expected:
        raise ArtifactError(
            f"field seal of {path}",
            expected=expected,
            got=str(manifest.get("seal")),
            fix="The manifest was edited or torn; make the artifact again.",
        )
    for name, digest in manifest["files"].items():
        file = folder / name
        got = file_digest(file) if file.is_file() else "no such file"
        if got != digest:
            raise ArtifactError(
                f"file {file}", expected=digest, got=got, fix="The file was edited or torn; make the artifact again."
            )
    return manifest
