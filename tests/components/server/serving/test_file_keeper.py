"""Rollouts remembered in a folder: what is stored comes back, and one task at a time acts."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from foldline.errors import ServingError
from foldline.serving.deploy_canary.keeping.file import FileKeeper
from foldline.serving.deploy_canary.rollout.record import BAKING, PROMOTED, REVERTING, Record, rollout_id
from foldline.serving.deploy_canary.rollout.word import Word

NEW = Record("0a1b", "late", "new", "old", {"alpha": 0.05}, started_at=100.5, entered_at=100.5)
HOLD = """
import sys, time
from pathlib import Path
from foldline.serving.deploy_canary.keeping.file import FileKeeper
with FileKeeper(Path(sys.argv[1])).hold(0):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.mark.parametrize(
    "record",
    [
        NEW,
        NEW.entering(REVERTING, 200.0, "back", reasons=("slow", "wrong"), final=True),
        replace(NEW, judge={"log": [0.5, -2.25]}, series=({"at": 1.5, "gates": []},), step_requests=7, asked_at=3.0),
        NEW.entering(BAKING, 1.0, "x").entering(PROMOTED, 2.0, "y"),
    ],
)
def test_a_rollout_comes_back_as_it_was_saved(record: Record, tmp_path: Path) -> None:
    FileKeeper(tmp_path).save(record)
    assert FileKeeper(tmp_path).load() == record


def test_there_is_no_rollout_and_no_word_before_the_first(tmp_path: Path) -> None:
    keeper = FileKeeper(tmp_path / "not yet")
    assert (keeper.load(), keeper.word()) == (None, Word("", 0.0))


def test_a_word_is_heard_by_another_process_until_the_next_one(tmp_path: Path) -> None:
    FileKeeper(tmp_path).say(Word("pause", 5.0))
    assert FileKeeper(tmp_path).word() == Word("pause", 5.0)
    FileKeeper(tmp_path).say(Word("resume", 6.5))
    assert FileKeeper(tmp_path).word() == Word("resume", 6.5)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        json.dumps(NEW.to_json() | {"form": "foldline.rollout/0"}),
        '{"form": "foldline.rollout/1"}',
        json.dumps(NEW.to_json() | {"phase": "elsewhere"}),
        json.dumps(NEW.to_json() | {"unknown": 1}),
    ],
)
def test_a_record_that_was_edited_is_told_with_its_file(text: str, tmp_path: Path) -> None:
    (tmp_path / "rollout.json").write_text(text)
    with pytest.raises(ServingError, match=r"rollout\.json: expected a record of the form foldline\.rollout/1"):
        FileKeeper(tmp_path).load()


def test_a_second_task_is_told_who_acts_and_goes_on_when_that_one_is_killed(tmp_path: Path) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    with (
        pytest.raises(
            ServingError, match=rf"no other one under way, within 0\.3 s, got one .* process {holder.pid} since"
        ),
        FileKeeper(tmp_path).hold(0.3),
    ):
        pass
    os.kill(holder.pid, signal.SIGKILL)
    holder.communicate()
    with FileKeeper(tmp_path).hold(30):
        pass
    with FileKeeper(tmp_path).hold(0):
        pass


def test_the_same_challenger_champion_and_policy_are_the_same_rollout() -> None:
    one = rollout_id("new", "old", {"alpha": 0.05, "beta": 0.1})
    assert one == rollout_id("new", "old", {"beta": 0.1, "alpha": 0.05})
    others = {rollout_id("newer", "old", {}), rollout_id("new", "older", {}), rollout_id("new", "old", {"a": 1}), one}
    assert len(others) == 4
