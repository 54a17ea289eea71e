"""Container images from folders, without a registry: a docker-archive with one layer."""

import hashlib
import io
import json
import shutil
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import places
from .process import HarnessError, run, say

BASE_PACKAGES = "python3,ca-certificates,iproute2,procps"
UNPRIVILEGED = "65532"


def program_image(name: str, tag: str = "1", *, writable: Sequence[str] = ()) -> Path:
    """The archive of `localhost/NAME:TAG`, which holds one static program and runs it without privileges.

    Args:
        writable: folders that it may write to, beside /tmp.
    """
    archive, program = places.IMAGES / f"{name}.tar", places.BIN / name
    if not archive.exists() or archive.stat().st_mtime < program.stat().st_mtime:
        root = fresh(places.ROOTS / name)
        install(program, root)
        for folder in ("tmp", *writable):
            (root / folder).mkdir(parents=True)
            (root / folder).chmod(0o1777)
        pack(root, archive, f"localhost/{name}:{tag}", {"Entrypoint": [f"/usr/local/bin/{name}"], "User": UNPRIVILEGED})
    return archive


def install(program: Path, root: Path) -> None:
    """Copy a program into an image's folder for programs."""
    target = root / "usr" / "local" / "bin"
    target.mkdir(parents=True, exist_ok=True)
    shutil.copy2(program, target / program.name)


def base_image() -> Path:
    """The archive of `localhost/base:1`: Debian 13 with Python, for pods of tests."""
    archive = places.IMAGES / "base.tar"
    if not archive.exists():
        pack(debian(), archive, "localhost/base:1", {"Cmd": ["/bin/bash"]})
    return archive


def debian() -> Path:
    """The root of a small Debian 13."""
    root = places.ROOTS / "debian"
    if not (root / "usr/bin/python3").exists():
        say("base image: making a Debian 13 with debootstrap")
        unfinished = fresh(places.ROOTS / "debian.unfinished")
        run("debootstrap", "--variant=minbase", f"--include={BASE_PACKAGES}", "trixie", unfinished)
        shutil.rmtree(root, ignore_errors=True)
        unfinished.rename(root)
    return root


def pack(root: Path, archive: Path, name: str, settings: dict[str, Any]) -> None:
    """Write the folder `root` as image `name` to `archive`."""
    archive.parent.mkdir(parents=True, exist_ok=True)
    layer = archive.with_suffix(".layer")
    left_out = ("./proc/*", "./sys/*", "./dev/*", "./var/cache/apt/archives/*.deb", "./var/lib/apt/lists/*")
    excluded = [f"--exclude={pattern}" for pattern in left_out]
    run("tar", "--sort=name", "--numeric-owner", "--one-file-system", *excluded, "-C", root, "-cf", layer, ".")
    with layer.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Env": ["PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"], "WorkingDir": "/", **settings},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
    }
    text = json.dumps(config).encode()
    config_name = f"{hashlib.sha256(text).hexdigest()}.json"
    manifest = [{"Config": config_name, "RepoTags": [name], "Layers": ["layer.tar"]}]
    with tarfile.open(archive, "w") as made:
        for member, content in ((config_name, text), ("manifest.json", json.dumps(manifest).encode())):
            entry = tarfile.TarInfo(member)
            entry.size = len(content)
            made.addfile(entry, io.BytesIO(content))
        made.add(layer, arcname="layer.tar")
    layer.unlink()


def load(archive: Path) -> None:
    """Import an archive (of Docker's form or OCI's) into the node.

    Raises:
        HarnessError: the node does not run, or the archive is none.
    """
    if not places.SOCKET.exists():
        raise HarnessError("no node runs: make cluster-up LEVEL=node")
    _images("import", archive)


def load_built(name: str) -> None:
    """Import an image that podman has unless the node has it already.

    Raises:
        HarnessError: podman does not have it, or no node runs.
    """
    identity = run("podman", "image", "inspect", "--format", "{{.Id}}", name).strip()
    mark = places.RUN / "imported" / identity
    if mark.exists() and name in _images("list", "--quiet").split():
        return
    archive = places.IMAGES / f"{identity}.tar"
    try:
        run("podman", "save", "--quiet", "--output", archive, name)
        load(archive)
    finally:
        archive.unlink(missing_ok=True)
    mark.parent.mkdir(parents=True, exist_ok=True)
    mark.touch()
    say(f"image {name} imported")


def load_once(archive: Path) -> None:
    """Import an archive unless the running node has it as it is now."""
    mark = places.RUN / "imported" / archive.name
    if mark.exists() and mark.stat().st_mtime >= archive.stat().st_mtime:
        return
    load(archive)
    mark.parent.mkdir(parents=True, exist_ok=True)
    mark.touch()
    say(f"image {archive.stem} imported")


def _images(*arguments: str | Path) -> str:
    return run("ctr", "--address", places.SOCKET, "--namespace", "k8s.io", "images", *arguments)


def fresh(folder: Path) -> Path:
    """The folder, empty."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
