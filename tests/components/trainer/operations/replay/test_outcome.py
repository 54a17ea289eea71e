"""Figures of a replay: the error of every week, with and without retraining, and the page that shows them."""

import math
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from sklearn import metrics as sk

from foldline.artifacts import Dataset, Task
from foldline.operations.replay.error_series import WeekOfRows, by_week, mean
from foldline.operations.replay.outcome import Outcome
from foldline.operations.replay.page import headline, replay_page
from foldline.operations.replay.weeks import ALERT, RETRAIN, Week

START, DAY = datetime(2013, 10, 1), timedelta(days=1)
BINARY, REGRESSION = Task("binary", ("false", "true")), Task("regression")


def scored(folder: Path, task: Task, times: list[datetime], label: pa.Array, prediction: list[float | None]) -> Dataset:
    table = pa.table({"time": pa.array(times, pa.timestamp("us")), "label": label, "prediction": pa.array(prediction)})
    model = {"version": "1", "digest": "", "label": "label", "task": task.to_json(), "predictions": ["prediction"]}
    return Dataset.write(folder / "scored", table, source={}, label="label", time_column="time", model=model)


def test_a_week_has_the_metrics_of_its_labelled_rows(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    label, prediction = random.random(200) < 0.4, random.random(200)
    times = [START + number * timedelta(hours=1) for number in range(200)]
    late = pa.array(label, mask=np.arange(200) % 10 == 3)
    found = by_week(scored(tmp_path, BINARY, times, late, prediction.tolist()), [START, START + 4 * DAY], 4 * DAY)
    own = (np.arange(200) % 10 != 3) & (np.arange(200) < 96)
    assert found[0].rows == own.sum()
    assert found[0].scores == {
        "log_loss": pytest.approx(sk.log_loss(label[own], prediction[own]), rel=1e-6),
        "roc_auc": pytest.approx(sk.roc_auc_score(label[own], prediction[own])),
    }
    assert set(found[1].scores) == {"log_loss", "roc_auc"}


def test_the_error_of_a_regression_is_that_of_its_values(tmp_path: Path) -> None:
    times = [START + number * timedelta(hours=6) for number in range(4)]
    label, prediction = [1.0, 2.0, 3.0, 9.0], [1.0, 2.0, 5.0, None]
    found = by_week(scored(tmp_path, REGRESSION, times, pa.array(label), prediction), [START], DAY)
    assert found == [WeekOfRows(3, {"rmse": pytest.approx(math.sqrt(4 / 3))})]


def test_a_week_that_cannot_be_scored_has_no_score(tmp_path: Path) -> None:
    times = [START + number * timedelta(hours=6) for number in range(4)]
    table = scored(tmp_path, BINARY, times, pa.array([True] * 4), [0.5] * 4)
    assert by_week(table, [START, START + DAY], DAY) == [WeekOfRows(4, {}), WeekOfRows(0, {})]


def test_a_mean_counts_weeks_by_their_rows_and_only_those_with_a_score() -> None:
    assert mean([WeekOfRows(1, {"a": 1.0}), WeekOfRows(3, {"a": 2.0}), WeekOfRows(5, {})], "a") == 1.75
    assert mean([WeekOfRows(5, {})], "a") is None


def week(number: int, champion: str, state: str = "quiet", action: str = "") -> Week:
    start = START + 7 * number * DAY
    alarms = ("dep_delay",) if state != "quiet" else ()
    return Week(start, start + 7 * DAY, champion, state, 0.4, "no drift", alarms, action, "Because." if action else "")


@pytest.fixture
def outcome() -> Outcome:
    weeks = [
        week(0, "old"), week(1, "old", "watch"), week(2, "old", "drift", RETRAIN), week(3, "new"),
        week(4, "new", "fault", ALERT),
    ]  # fmt: skip
    old = [WeekOfRows(10, {"log_loss": value}) for value in (0.5, 0.6, 0.9, 1.0)] + [WeekOfRows(0, {})]
    new = [*[WeekOfRows(0, {})] * 3, WeekOfRows(10, {"log_loss": 0.4}), WeekOfRows(0, {})]
    return Outcome.of("flights", ["log_loss"], weeks, {"old": old, "new": new})


def test_with_retraining_each_week_has_the_champion_of_its_time(outcome: Outcome) -> None:
    assert [one.scores.get("log_loss") for one in outcome.without] == [0.5, 0.6, 0.9, 1.0, None]
    assert [one.scores.get("log_loss") for one in outcome.with_retraining] == [0.5, 0.6, 0.9, 0.4, None]
    assert outcome.means() == {"log_loss": {"without": pytest.approx(0.75), "with": pytest.approx(0.6)}}


def test_the_document_has_every_week_and_both_errors(outcome: Outcome) -> None:
    document = outcome.to_json()
    assert (document["retrainings"], document["alerts"]) == (1, 1)
    assert document["weeks"][2] == {
        "start": "2013-10-15T00:00:00", "end": "2013-10-22T00:00:00", "champion": "old", "state": "drift", "p": 0.4,
        "verdict": "no drift", "alarms": ("dep_delay",), "action": "retrain", "said": "Because.", "rows": 10,
        "without": {"log_loss": 0.9}, "with": {"log_loss": 0.9},
    }  # fmt: skip


def test_the_page_shows_both_series_the_states_and_every_week(outcome: Outcome, tmp_path: Path) -> None:
    replay_page(outcome).write(tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text()
    assert headline(outcome) == (
        "One retraining in 5 weeks. Mean log loss: 0.75 without, 0.6 with. "
        "Weeks with an alert about a fault in the data: 1."
    )
    assert headline(outcome) in text
    for words in ("without retraining", "with retraining", "dep_delay", "Because.", "2013-10-29"):
        assert words in text
    assert "<script" not in text
