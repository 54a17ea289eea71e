"""What each image is and holds; `images/build` makes them, or finds that they are made already."""

import json
import re
import subprocess
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from packaging.markers import Marker

from builders import containers
from foldline._image import IMAGES, image
from foldline_pipelines import registry

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ROOT / "pipelines" / "foldline_pipelines" / "local" / "locks"
LOCK_OF = {
    "launcher": "glibc-2.39/launcher",
    "validator": "images/validator",
    "trainer": "glibc-2.39/trainer",
    "server": "glibc-2.39/server",
}
INSIDE = {"python_version": "3.13", "python_full_version": "3.13.5", "sys_platform": "linux", "os_name": "posix"}
LAUNCHER_BYTES = 200_000_000

every_image = pytest.mark.parametrize("name", IMAGES)
# The first test waits for the build.
pytestmark = [pytest.mark.usefixtures("images"), pytest.mark.timeout(1800)]


def inspected(name: str) -> dict[str, Any]:
    told = subprocess.run(["podman", "image", "inspect", image(name)], capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(told.stdout)[0]
    return found


def locked(name: str) -> set[tuple[str, str]]:
    """Name and version of each package of an image's lock."""
    text = (LOCKS / f"{LOCK_OF[name]}.txt").read_text()
    lines = re.findall(r"^([a-z0-9][\w.\-]*)(?:\[[^\]]*\])?==(\S+)(?: ; (.*?))? \\$", text, flags=re.MULTILINE)
    return {(package, number) for package, number, marker in lines if not marker or Marker(marker).evaluate(INSIDE)}


def bill(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(containers.output(image(name), "cat", "/usr/share/foldline/sbom.cdx.json"))
    return content


@every_image
def test_the_user_is_a_number_and_not_root(name: str) -> None:
    assert inspected(name)["Config"]["User"] == "65532:65532"
    assert containers.output(image(name), "id", "-u").strip() == "65532"


@every_image
def test_labels_and_tag_give_the_version_of_the_package(name: str) -> None:
    labels = inspected(name)["Config"]["Labels"]
    assert labels["org.opencontainers.image.title"] == f"foldline-{name}"
    assert labels["org.opencontainers.image.version"] == version("foldline") == image(name).rpartition(":")[2]
    assert labels["org.opencontainers.image.licenses"] == "Apache-2.0"
    assert LOCK_OF[name] in labels["org.opencontainers.image.description"]


@every_image
def test_its_components_can_be_imported_in_a_confined_container(name: str) -> None:
    addresses = [entry.address.partition(":")[0] for entry in registry.components().values()]
    script = (
        "import importlib, sys\n"
        "from kfp import dsl\n"
        "for module in sys.argv[2:]:\n"
        "    component = importlib.import_module(module)\n"
        "    function = getattr(component, module.split('.')[-2])\n"
        "    if sys.argv[1] in function.component_spec.implementation.container.image:\n"
        "        importlib.import_module(module.replace('.component', '.run'))\n"
        "        print(module)\n"
    )
    imported = containers.output(image(name), "python3", "-c", script, f"foldline-{name}:", *addresses)
    assert imported.strip()


@every_image
def test_it_has_no_compiler_no_installer_and_no_lists_of_packages(name: str) -> None:
    programs = "cc gcc c++ ld make pip pip3 uv curl wget git"
    script = f"for program in {programs}; do command -v $program || true; done"
    assert containers.output(image(name), "sh", "-c", script) == ""
    script = "import importlib.util as u; print([m for m in ('pip', 'ensurepip', 'uv') if u.find_spec(m)])"
    assert containers.output(image(name), "python3", "-c", script) == "[]\n"
    assert containers.output(image(name), "find", "/var/lib/apt/lists", "/var/cache/apt", "-type", "f") == ""


@every_image
def test_its_bill_of_materials_lists_what_it_holds_and_its_lock_asked_for(name: str) -> None:
    components = bill(name)["components"]
    python = {(part["name"], part["version"]) for part in components if part.get("purl", "").startswith("pkg:pypi/")}
    assert python == locked(name) | {("foldline", version("foldline"))}
    debian = {f"{part['name']} {part['version']}" for part in components if "pkg:deb/" in part.get("purl", "")}
    told = containers.output(image(name), "dpkg-query", "-W", "-f", "${Package} ${Version}\n")
    assert debian == set(told.splitlines())


@every_image
def test_it_holds_the_lock_of_this_commit(name: str) -> None:
    lock = containers.output(image(name), "cat", "/usr/share/foldline/lock.txt")
    assert lock == (LOCKS / f"{LOCK_OF[name]}.txt").read_text()


@every_image
def test_it_holds_the_source_of_this_commit(name: str) -> None:
    source = ROOT / "components" / "foldline"
    wanted = {
        path.relative_to(source).as_posix(): sha256(path.read_bytes()).hexdigest() for path in source.rglob("*.py")
    }
    script = (
        "import foldline, hashlib, pathlib\n"
        "root = pathlib.Path(foldline.__path__[0])\n"
        "for path in root.rglob('*.py'):\n"
        "    print(path.relative_to(root), hashlib.sha256(path.read_bytes()).hexdigest())\n"
    )
    printed = containers.output(image(name), "python3", "-c", script)
    assert dict(line.split(" ") for line in printed.splitlines()) == wanted


@every_image
def test_nothing_of_the_build_stays_in_it(name: str) -> None:
    told = inspected(name)
    variables = [variable.partition("=")[0] for variable in told["Config"]["Env"]]
    assert sorted(variables) == ["HOME", "PATH", "PYTHONDONTWRITEBYTECODE"]
    assert "://" not in json.dumps(told["History"])
    assert containers.output(image(name), "ls", "/opt") == "foldline\n"
    assert containers.output(image(name), "find", "/root/.cache", "/run", "/tmp", "-type", "f", user="0") == ""


def test_the_validator_has_the_beam_engine() -> None:
    script = "import apache_beam, tensorflow_data_validation, tensorflow_transform as tft; print(tft.__version__)"
    assert containers.output(image("validator"), "python3", "-c", script).strip().startswith("1.21")


def test_the_launcher_is_under_200_megabytes_compressed(tmp_path: Path) -> None:
    subprocess.run(["podman", "push", "--quiet", "--compress", image("launcher"), f"dir:{tmp_path}"], check=True)
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) < LAUNCHER_BYTES
