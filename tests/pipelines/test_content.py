"""Digests of artifacts, over what is inside and what it is called."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foldline_pipelines.local.content import digest, write_json


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "tree" / "below").mkdir(parents=True)
    (tmp_path / "tree" / "a").write_bytes(b"1")
    (tmp_path / "tree" / "below" / "b").write_bytes(b"2")
    return tmp_path / "tree"


@pytest.mark.parametrize(
    "change",
    [
        lambda tree: (tree / "a").write_bytes(b"3"),
        lambda tree: (tree / "a").rename(tree / "c"),
        lambda tree: (tree / "below" / "b").rename(tree / "b"),
        lambda tree: (tree / "a").unlink(),
        lambda tree: (tree / "new").touch(),
        lambda tree: ((tree / "a").write_bytes(b"2"), (tree / "below" / "b").write_bytes(b"1")),
    ],
    ids=["edited", "renamed", "moved", "removed", "added", "swapped"],
)
def test_any_change_changes_the_digest(change: Callable[[Path], object], tree: Path) -> None:
    before = digest(tree)
    change(tree)
    assert digest(tree) != before


def test_times_and_places_do_not_change_the_digest(tree: Path, tmp_path: Path) -> None:
    before = digest(tree)
    (tree / "a").touch()
    assert digest(tree.rename(tmp_path / "elsewhere")) == before


def test_a_file_has_the_digest_of_its_bytes_only(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"1")
    (tmp_path / "b").write_bytes(b"1")
    assert digest(tmp_path / "a") == digest(tmp_path / "b") != digest(tmp_path)


def test_nothing_has_no_digest(tmp_path: Path) -> None:
    assert digest(tmp_path / "none") == ""


@given(st.dictionaries(st.text("ab", min_size=1, max_size=3), st.binary(max_size=3), min_size=1, max_size=3))
def test_two_trees_have_one_digest_only_when_equal(
    tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes]
) -> None:
    def written(content: dict[str, bytes]) -> str:
        folder = tmp_path_factory.mktemp("tree")
        for name, value in content.items():
            (folder / name).write_bytes(value)
        return digest(folder)

    name = min(files)
    other = {**files, name: files[name] + b"x"}
    assert written(files) == written(dict(reversed(files.items()))) != written(other)


def test_a_record_is_whole_or_not_there(tmp_path: Path) -> None:
    write_json(tmp_path / "record.json", {"a": 1})
    with pytest.raises(ValueError, match="Out of range"):
        write_json(tmp_path / "record.json", {"a": float("nan")})
    assert (tmp_path / "record.json").read_text() == '{\n "a": 1\n}\n'
    assert [file.name for file in tmp_path.iterdir()] == ["record.json"]
