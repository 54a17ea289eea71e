"""A whole replay on a small table: real models and windows, trainings that cost nothing."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from builders import watched
from foldline.errors import RunError
from foldline.operations.replay.__main__ import main

COMMAND = [sys.executable, "-m", "builders.watched"]
TESTS = Path(__file__).resolve().parents[4]


@dataclass(frozen=True)
class Replayed:
    folder: Path
    outcome: dict[str, Any]

    @property
    def actions(self) -> list[str]:
        return [week["action"] for week in self.outcome["weeks"]]


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tables")
    watched.write(folder)
    return folder


def plan(folder: Path, table: Path, command: list[str] = COMMAND) -> Path:
    rows = {"dataset_uri": str(table), "label": watched.LABEL, "time_column": watched.TIME}
    watch = rows | {
        "model_name": watched.NAME, "columns": [], "derived": {}, "where": "", "key_columns": [], "every": "1d",
        "exclude_columns": [], "drift_policy": watched.POLICY, "trigger_policy": {},
    }  # fmt: skip
    content = {
        "command": command,
        "watch": watch,
        "training": rows,
        "start": watched.TRAINED.isoformat(),
        "end": watched.END.isoformat(),
    }
    (folder / "plan.json").write_text(json.dumps(content))
    return folder / "plan.json"


@pytest.fixture(scope="module")
def replayed(tables: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Replayed]:
    found = {}
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("PYTHONPATH", str(TESTS))
        for kind in (watched.QUIET, watched.SHIFTED, watched.FAULTY):
            folder = tmp_path_factory.mktemp(kind)
            main(plan(folder, tables / f"{kind}.parquet"))
            found[kind] = Replayed(folder, json.loads((folder / "watch.json").read_text()))
    return found


def test_quiet_days_stay_quiet(replayed: dict[str, Replayed]) -> None:
    quiet = replayed[watched.QUIET]
    assert set(quiet.actions) == {""}
    assert len(quiet.actions) == watched.DAYS - watched.TRAINING_DAYS
    assert quiet.outcome["means"]["log_loss"]["with"] == quiet.outcome["means"]["log_loss"]["without"]


def test_a_planted_shift_is_trained_on_once_and_the_new_champion_serves_then(replayed: dict[str, Replayed]) -> None:
    shifted = replayed[watched.SHIFTED]
    assert [action for action in shifted.actions if action] == ["retrain"]
    weeks = shifted.outcome["weeks"]
    place = shifted.actions.index("retrain")
    assert weeks[place]["start"] > watched.CHANGED.isoformat()
    assert {"distance", "prediction"} <= {name for week in weeks[:place] for name in week["alarms"]}
    assert len({week["champion"] for week in weeks[: place + 1]}) == 1
    assert {week["champion"] for week in weeks[place + 1 :]} != {weeks[0]["champion"]}


def test_a_planted_fault_is_an_alert_and_no_training(replayed: dict[str, Replayed]) -> None:
    faulty = replayed[watched.FAULTY]
    assert set(faulty.actions[:6]) == {""}
    assert set(faulty.actions[6:]) == {"alert"}
    assert "distance" in faulty.outcome["weeks"][6]["said"]


def test_the_page_and_the_document_tell_the_same(replayed: dict[str, Replayed]) -> None:
    shifted = replayed[watched.SHIFTED]
    text = (shifted.folder / "watch.html").read_text()
    for week in shifted.outcome["weeks"]:
        assert week["start"][:10] in text
    assert "One retraining in 10 weeks." in text


def test_a_training_that_fails_ends_the_replay_with_the_folder_of_its_run(tables: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import sys; sys.exit(3)"]
    with pytest.raises(RunError, match=r"run .*champion: expected a training that succeeds, got exit status 3"):
        main(plan(tmp_path, tables / "quiet.parquet", command))


def test_a_first_model_that_nobody_promoted_is_refused(tables: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-c", "pass"]
    with pytest.raises(RunError, match=r"first champion of model late: expected a model that is better.*got none"):
        main(plan(tmp_path, tables / "quiet.parquet", command))
