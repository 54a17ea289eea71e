"""The lock files and pyproject.toml."""

import re
import runpy
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
