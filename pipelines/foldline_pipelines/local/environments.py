"""One Python environment for each image, made from the image's lock file with uv."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import distribution
from pathlib import Path
from urllib.parse import urlparse
from urllib.request import url2pathname

from foldline._image import IMAGES
from foldline.errors import ImageEnvironmentError
from foldline_pipelines.local.lock_set import glibc_version, lock_set, refusal

LOCKS = Path(__file__).parent / "locks"


def lock_file(name: str) -> Path:
    """The lock for environment `name` on this host.

    Raises:
        ImageEnvironmentError: no set of locks fits this host's C library and Python.
    """
    glibc, python = glibc_version(), sys.version_info[:2]
    wanted = refusal(glibc, python)
    if wanted:
        raise ImageEnvironmentError(
            "this host", expected=wanted, got=f"Python {python[0]}.{python[1]} on glibc {glibc[0]}.{glibc[1]}"
        )
    return LOCKS / lock_set(glibc) / f"{name}.txt"


def source() -> tuple[list[str], Path | None]:
    """Arguments of `pip install` for the foldline that runs here, and its checkout where it has one."""
    direct = distribution("foldline").read_text("direct_url.json")
    if direct is None:
        return [f"foldline=={distribution('foldline').version}"], None
    record = json.loads(direct)
    path = Path(url2pathname(urlparse(record["url"]).path))
    if record.get("dir_info", {}).get("editable"):
        return ["--editable", str(path)], path
    return [str(path)], None


def root() -> Path:
    """Folder of the environments: FOLDLINE_ENVIRONMENTS, else the checkout's own, else the user's cache."""
    if "FOLDLINE_ENVIRONMENTS" in os.environ:
        return Path(os.environ["FOLDLINE_ENVIRONMENTS"]).absolute()
    checkout = source()[1]
    if checkout is not None:
        return checkout / ".environments"
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    return cache / "foldline" / distribution("foldline").version


def names() -> list[str]:
    """Names of all environments that can be made on this host."""
    return sorted(file.stem for file in lock_file("local").parent.glob("*.txt") if file.stem != "local")


def interpreter(name: str) -> Path:
    """Path of the Python that stands for the image `name`; it may not exist yet."""
    return root() / name / "bin" / "python"


def make(names: list[str], *, extra: list[str], say: Callable[[str], None]) -> None:
    """Make the environments that are missing or were made from another lock; what is current is left alone.

    Args:
        names: of images, or of other locks.
        extra: further locks installed into each of them (`test`).
        say: told of each step, one line.

    Raises:
        ImageEnvironmentError: no lock fits this host, or an installation fails.
    """
    for name in names:
        folder = root() / name
        stamp = folder / "foldline.stamp.json"
        wanted = {lock: _digest(lock) for lock in (name, *extra)}
        installed = json.loads(stamp.read_text()) if stamp.exists() else {}
        if any(wanted.get(lock, digest) != digest for lock, digest in installed.items()):
            installed = {}
        if name not in installed:
            say(f"environment {name}: installing")
            shutil.rmtree(folder, ignore_errors=True)
            _uv("venv", "--quiet", "--python", sys.executable, str(folder))
        for lock in wanted:
            if lock not in installed:
                _install(folder, "--require-hashes", "-r", str(lock_file(lock)))
        if name not in installed and name in IMAGES:
            _install(folder, *source()[0])
        if not wanted.keys() <= installed.keys():
            stamp.write_text(json.dumps(installed | wanted))
            say(f"environment {name}: ready")


def add_to_running(locks: list[str], *, say: Callable[[str], None]) -> None:
    """Install further locks beside the packages of the Python that runs here.

    Args:
        locks: their names, such as `test`.
        say: told of each step, one line.

    Raises:
        ImageEnvironmentError: no lock fits this host, or an installation fails.
    """
    stamp = Path(sys.prefix) / "foldline.stamp.json"
    installed = json.loads(stamp.read_text()) if stamp.exists() else {}
    for lock in locks:
        if installed.get(lock) != _digest(lock):
            say(f"environment local: installing {lock}")
            _install(Path(sys.prefix), "--require-hashes", "-r", str(lock_file(lock)))
            installed[lock] = _digest(lock)
            stamp.write_text(json.dumps(installed))


def _digest(lock: str) -> str:
    """Digest of a lock and of the foldline and Python that go with it."""
    content = lock_file(lock).read_bytes() + f"{source()[0]} {sys.version_info[:3]}".encode()
    return hashlib.sha256(content).hexdigest()


def _install(folder: Path, *arguments: str) -> None:
    # A lock names every package, so there is nothing to resolve.
    python = str(folder / "bin" / "python")
    _uv("pip", "install", "--quiet", "--compile-bytecode", "--no-deps", "--python", python, *arguments)


def _uv(*arguments: str) -> None:
    command = [sys.executable, "-m", "uv", *arguments]
    ended = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if ended.returncode != 0:
        lines = [line.strip() for line in ended.stdout.splitlines() if line.strip()]
        raise ImageEnvironmentError(
            f"uv {' '.join(arguments[:2])}",
            expected="exit status 0",
            got=f"{ended.returncode}: {' | '.join(lines[-4:])}",
            fix="Check the connection to the package index and the free disk space, then run the command again.",
        )
