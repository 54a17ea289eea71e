"""What a site's folder says about it."""

import os
import tempfile
from pathlib import Path

import pytest

from foldline.errors import ServingError
from foldline.serving.site import state
from foldline.serving.site.processes import Process
from foldline.serving.site.state import Arm, State

ARM = Arm("v-1", "v", Process(7, 70))
WHOLE = State("late", "models", "127.0.0.1", 8501, Process(1, 2), state.COMMAND, 30.0, Process(3, 4), "v-1", None)


def test_a_state_is_read_as_it_was_written(tmp_path: Path) -> None:
    assert state.read(tmp_path) is None
    for made in (WHOLE.with_arm(ARM), WHOLE):
        state.write(tmp_path, made)
        assert state.read(tmp_path) == made
    assert [path.name for path in tmp_path.iterdir()] == ["site.json"]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"form": 2}', '{"form": 1, "colour": "red"}'])
def test_a_file_of_another_form_is_refused_with_its_path(tmp_path: Path, text: str) -> None:
    (tmp_path / "site.json").write_text(text)
    with pytest.raises(ServingError, match=r"site .*site\.json: expected the state of a site"):
        state.read(tmp_path)


def test_a_folder_is_found_again_by_store_and_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FOLDLINE_HOME", str(tmp_path))
    one = state.default_folder("models", "late")
    assert one.parent == tmp_path / "sites"
    assert one.name.startswith("late-")
    assert state.default_folder(str(tmp_path / "models"), "late") == one
    assert state.default_folder(f"file://{tmp_path}/models", "late") == one
    assert state.default_folder("s3://bucket/models/", "late") == state.default_folder("s3://bucket/models", "late")
    assert len({one, state.default_folder("other", "late"), state.default_folder("models", "early")}) == 3


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"XDG_STATE_HOME": "state"}, "state/foldline/sites"),
        ({"HOME": "home"}, "home/.local/state/foldline/sites"),
        ({"HOME": "file"}, f"tmp/foldline-{os.getuid()}/sites"),
    ],
)
def test_without_foldline_home_it_lies_in_the_users_state_or_among_temporary_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: dict[str, str], expected: str
) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "file").chmod(0o600)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    for name in ("FOLDLINE_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in changed.items():
        monkeypatch.setenv(name, str(tmp_path / value))
    assert state.default_folder("models", "late").parent == tmp_path / expected


def test_a_folder_of_another_user_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    held = state.held(tmp_path)
    with pytest.raises(ServingError, match="got A folder of another user"), held:
        pass


def test_a_folder_that_cannot_be_made_is_named_with_the_cure(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(ServingError, match=r"got Not a directory: .* Set FOLDLINE_HOME"),
        state.held(tmp_path / "file" / "x"),
    ):
        pass
