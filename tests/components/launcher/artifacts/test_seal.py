"""Seals: what is torn, edited or of another kind is one error that names file and field."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from foldline.artifacts import Decision
from foldline.artifacts.seal import content_digest, file_digest, open_sealed, seal, write_json
from foldline.errors import ArtifactError

FORM = "foldline.test/1"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    sealed = tmp_path / "artifact"
    (sealed / "data").mkdir(parents=True)
    (sealed / "data" / "part.bin").write_bytes(b"0123456789")
    (sealed / "note.txt").write_text("a note")
    seal(sealed, "manifest.json", FORM, {"rows": 10})
    return sealed


def edit(name: str, value: object) -> Callable[[Path], object]:
    def change(folder: Path) -> None:
        manifest = json.loads((folder / "manifest.json").read_text())
        manifest[name] = value
        (folder / "manifest.json").write_text(json.dumps(manifest))

    return change


def test_an_untouched_artifact_opens_and_names_all_its_files(folder: Path) -> None:
    manifest = open_sealed(folder, "manifest.json", FORM)
    assert manifest["rows"] == 10
    assert manifest["files"] == {
        "data/part.bin": file_digest(folder / "data" / "part.bin"),
        "note.txt": file_digest(folder / "note.txt"),
    }


def test_the_digest_of_a_file_is_sha256(folder: Path) -> None:
    assert file_digest(folder / "data" / "part.bin") == (
        "sha256:84d89877f0d4041efb6bf91a16f0248f2fd573e6af05c19f96bedb9f882f7882"
    )


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "manifest.json").unlink(), r"file .*manifest\.json: .*no such file"),
        (lambda folder: (folder / "manifest.json").write_text('{"form": '), r"file .*manifest\.json: expected a JSON"),
        (lambda folder: (folder / "manifest.json").write_bytes(b"\xff\xfe"), r"file .*manifest\.json: expected a JSON"),
        (lambda folder: (folder / "manifest.json").write_text("[]"), r"field form of .*got None"),
        (edit("form", "foldline.test/2"), r"field form of .*expected foldline\.test/1, got 'foldline\.test/2'"),
        (edit("rows", 11), r"field seal of .*edited or torn"),
        (edit("seal", "sha256:0"), r"field seal of .*got sha256:0"),
        (edit("files", {}), r"field seal of .*edited or torn"),
        (lambda folder: (folder / "data" / "part.bin").write_bytes(b"012345678"), r"file .*part\.bin: .*edited or"),
        (lambda folder: (folder / "data" / "part.bin").write_bytes(b"0123456780"), r"file .*part\.bin: .*edited or"),
        (lambda folder: (folder / "data" / "part.bin").unlink(), r"file .*part\.bin: .*got no such file"),
    ],
    ids=[
        "no manifest", "torn manifest", "not text", "not an object", "another form", "edited field", "edited seal",
        "files taken off the list", "torn file", "edited file", "lost file",
    ],
)  # fmt: skip
def test_damage_is_named(folder: Path, damage: Callable[[Path], object], message: str) -> None:
    damage(folder)
    with pytest.raises(ArtifactError, match=message):
        open_sealed(folder, "manifest.json", FORM)


def test_the_seal_depends_on_every_field_and_not_on_their_order() -> None:
    assert content_digest({"a": 1, "b": [1, 2]}) == content_digest({"b": [1, 2], "a": 1})
    assert content_digest({"a": 1}) != content_digest({"a": 2})
    assert content_digest([1, 2]) != content_digest([2, 1])


def test_a_manifest_has_no_number_that_json_cannot_say(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "manifest.json", {"value": float("nan")})
    assert list(tmp_path.iterdir()) == []


def test_writing_again_replaces_the_whole_file_and_leaves_no_other(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"value": "long " * 100})
    write_json(tmp_path / "a.json", {"value": 1})
    assert json.loads((tmp_path / "a.json").read_text()) == {"value": 1}
    assert [file.name for file in tmp_path.iterdir()] == ["a.json"]


def test_a_decision_is_read_as_it_was_written(tmp_path: Path) -> None:
    decision = Decision("validation", "warn", ("first", "second"), {"rows": 3}, {"most_missing": 0.5})
    decision.write(tmp_path / "decision")
    assert Decision.read(tmp_path / "decision") == decision
