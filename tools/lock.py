"""Write the lock files of all environments, or say which of them no longer agree with pyproject.toml.

    python tools/lock.py            resolve those again; a pin stays as long as it satisfies what is asked
    python tools/lock.py --check    exit 1 and name the files whose inputs changed

A lock's first line carries the digest of what it was resolved from, so that a check needs no network.
"""

import hashlib
import json
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ROOT / "pipelines" / "foldline_pipelines" / "local" / "locks"

# The oldest C library, and the Python versions, that each set of locks is for. `images` holds only what an image has
# beyond its local environment: the other images are made from the locks of `glibc-2.39`.
SETS = {
    "glibc-2.39": ["--universal", "--python-version", "3.11"],
    "older": ["--python-platform", "x86_64-manylinux_2_31", "--python-version", "3.11"],
    "images": ["--python-platform", "x86_64-manylinux_2_40", "--python-version", "3.13"],
}
ENVIRONMENTS = ["local", "launcher", "validator", "trainer", "server"]
GROUPS = ["test", "lint", "flights", "s3"]
IMAGE_EXTRAS = {
    "validator": ["validator", "beam"],
    "trainer-cuda": ["trainer", "cuda"],
    "trainer-tensorflow-cuda": ["trainer", "tensorflow-cuda"],
}
IMAGE_GROUPS = ["build"]
# Only the data inside this package are used; nothing imports it.
WITHOUT_DEPENDENCIES = {"flights"}

# TFDV asks for a pyfarmhash that has to be compiled; the later one is a wheel with the same functions.
# TFDV 1.16 (the last for older hosts) needs protobuf 4, kfp 2.17 needs 6. Only kfp's executor runs there, and the one
# of 2.13, the last for protobuf 4, runs what 2.17 compiles.
OVERRIDES = {
    ("glibc-2.39", "validator"): ["pyfarmhash>=0.5"],
    ("older", "validator"): ["pyfarmhash>=0.5", "kfp==2.13.0", "kfp-kubernetes==1.5.0"],
    ("images", "validator"): ["pyfarmhash>=0.5"],
    # The packages tensorflow and tensorflow-cpu hold the same files.
    ("images", "trainer-tensorflow-cuda"): ["tensorflow-cpu ; python_version < '3'"],
}


def names(lock_set: str) -> list[str]:
    """Names of the locks in `lock_set`."""
    return [*IMAGE_EXTRAS, *IMAGE_GROUPS] if lock_set == "images" else ENVIRONMENTS + GROUPS


def inputs(lock_set: str, name: str) -> dict[str, Any]:
    """What the lock `name` of `lock_set` is resolved from."""
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text())
    project = pyproject["project"]
    if name in GROUPS + IMAGE_GROUPS:
        requirements = pyproject["dependency-groups"][name]
    else:
        extras = IMAGE_EXTRAS[name] if lock_set == "images" else [name]
        requirements = project["dependencies"] + [
            requirement for extra in extras for requirement in project["optional-dependencies"][extra]
        ]
    return {
        "requirements": requirements,
        "python": project["requires-python"],
        "resolution": SETS[lock_set],
        "overrides": OVERRIDES.get((lock_set, name), []),
    }


def first_line(lock_set: str, name: str) -> str:
    content = json.dumps(inputs(lock_set, name), sort_keys=True).encode()
    return f"# inputs sha256:{hashlib.sha256(content).hexdigest()}"


def outdated() -> list[Path]:
    """Locks that are missing or were resolved from other inputs than today's."""
    found = []
    for lock_set in SETS:
        for name in names(lock_set):
            path = LOCKS / lock_set / f"{name}.txt"
            if not path.exists() or path.read_text().split("\n", 1)[0] != first_line(lock_set, name):
                found.append(path)
    return found


def resolve(lock_set: str, name: str) -> None:
    """Write the lock `name` of `lock_set`; uv keeps the pins of the file that it writes to."""
    path = LOCKS / lock_set / f"{name}.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    wanted = inputs(lock_set, name)
    requirements = path.with_suffix(".in")
    overrides = path.with_suffix(".overrides")
    requirements.write_text("\n".join(wanted["requirements"]))
    overrides.write_text("\n".join(wanted["overrides"]))
    command = [
        "uv",
        "pip",
        "compile",
        "--quiet",
        "--generate-hashes",
        "--no-emit-index-url",
        "--no-header",
        "--no-annotate",
    ]
    command += ["--no-deps"] if name in WITHOUT_DEPENDENCIES else []
    command += [*SETS[lock_set], "--override", str(overrides), "--output-file", str(path), str(requirements)]
    try:
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    finally:
        requirements.unlink()
        overrides.unlink()
    path.write_text(f"{first_line(lock_set, name)}\n{path.read_text()}")


def main() -> int:
    if sys.argv[1:] == ["--check"]:
        for path in outdated():
            print(f"{path.relative_to(ROOT)} does not agree with pyproject.toml: run `make locks`")
        return 1 if outdated() else 0
    for path in outdated():
        print(f"resolving {path.relative_to(ROOT)}")
        resolve(path.parent.name, path.stem)
    return 0


if __name__ == "__main__":
    sys.exit(main())
