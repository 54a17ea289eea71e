"""The lock files and pyproject.toml."""

import os
import re
import runpy
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCK = runpy.run_path(str(ROOT / "tools" / "lock.py"))
FILES = sorted(LOCK["LOCKS"].rglob("*.txt"))


def test_every_lock_was_resolved_from_the_requirements_of_today() -> None:
    assert LOCK["outdated"]() == []


def test_a_changed_requirement_is_noticed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pyproject = (ROOT / "pyproject.toml").read_text()
    (tmp_path / "pyproject.toml").write_text(pyproject.replace('local = ["uv>=0.9"]', 'local = ["uv>=0.10"]'))
    monkeypatch.setitem(LOCK["inputs"].__globals__, "ROOT", tmp_path)
    assert {path.stem for path in LOCK["outdated"]()} == {"local"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_lock_has_a_hash_for_each_package_and_no_address(path: Path) -> None:
    text = path.read_text()
    packages = re.findall(r"^[a-z0-9][\w.\-]*(?:\[[^\]]*\])?==.*$", text, flags=re.MULTILINE | re.IGNORECASE)
    assert packages
    for package in packages:
        after = text.split(package, 1)[1].split("\n", 2)[1]
        assert after.strip().startswith("--hash=sha256:"), package
    assert "://" not in text
    assert "--index" not in text


def test_every_set_has_its_locks_and_no_other() -> None:
    for lock_set in LOCK["SETS"]:
        assert {path.stem for path in FILES if path.parent.name == lock_set} == set(LOCK["names"](lock_set))


@pytest.mark.parametrize("name", sorted(LOCK["IMAGE_EXTRAS"]))
def test_a_lock_of_an_image_holds_tensorflow_once(name: str) -> None:
    text = (LOCK["LOCKS"] / "images" / f"{name}.txt").read_text()
    assert len(re.findall(r"^tensorflow(?:-cpu)?(?:\[and-cuda\])?==", text, flags=re.MULTILINE)) == 1


def wheel(folder: Path, version: str) -> None:
    """An empty package `probe`."""
    folder.mkdir(exist_ok=True)
    with zipfile.ZipFile(folder / f"probe-{version}-py3-none-any.whl", "w") as archive:
        inside = f"probe-{version}.dist-info"
        archive.writestr(f"{inside}/METADATA", f"Metadata-Version: 2.1\nName: probe\nVersion: {version}\n")
        archive.writestr(f"{inside}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{inside}/RECORD", "")


@pytest.mark.parametrize(
    ("asked", "pinned"),
    [("probe>=1", "1.0"), ("probe>=1,<3", "1.0"), ("probe>=2", "2.0")],
    ids=["nothing new", "what the pin satisfies", "more than the pin"],
)
def test_a_pin_changes_only_when_pyproject_asks(
    asked: str, pinned: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("UV_NO_INDEX", "1")
    monkeypatch.setenv("UV_FIND_LINKS", str(tmp_path / "packages"))
    for name, value in {"ROOT": tmp_path, "LOCKS": tmp_path}.items():
        monkeypatch.setitem(LOCK["resolve"].__globals__, name, value)
    project = '[project]\nrequires-python = ">=3.11"\ndependencies = []\n[dependency-groups]\n'
    lock = tmp_path / "glibc-2.39" / "test.txt"
    for version, requirement in (("1.0", "probe>=1"), ("2.0", asked)):
        wheel(tmp_path / "packages", version)
        (tmp_path / "pyproject.toml").write_text(f'{project}test = ["{requirement}"]\n')
        LOCK["resolve"]("glibc-2.39", "test")
    digest, pin = lock.read_text().splitlines()[:2]
    assert digest == LOCK["first_line"]("glibc-2.39", "test")
    assert pin.startswith(f"probe=={pinned} ")
