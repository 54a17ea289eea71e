"""Logs of model servers and a table of what became of their requests, joined as both grow."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from builders import models, s3
from foldline.artifacts import Task
from foldline.errors import ArgumentError
from foldline.serving.deploy_canary.feedback.settings import Settings, parse
from foldline.serving.deploy_canary.feedback.source import Feedback
from foldline.serving.deploy_canary.judge.labels import Labelled
from foldline.serving.server.events import About, pair
from foldline.serving.server.sinks import FolderSink

OLD, NEW = "c0ffee000001", "c0ffee000002"


class Lab:
    """A folder with the logs of both arms and a table."""

    def __init__(self, folder: Path, task: Task = models.BINARY, suffix: str = "csv") -> None:
        self.log, self.table = folder / "log", folder / f"told.{suffix}"
        self._sinks = {version: FolderSink(self.log, f"late-{version}") for version in (OLD, NEW)}
        self.settings = Settings(str(self.log), str(self.table))
        self.feedback = Feedback(self.settings, "late", (OLD, NEW), task)

    def answer(self, version: str, identity: str, *predictions: float, at: float = 10.0, model: str = "late") -> None:
        about = About("//pod", model, version)
        for event in pair(identity, at, {"instances": []}, {"predictions": list(predictions)}, 0.0, about):
            self._sinks[version].write(event)

    def tell(self, *rows: tuple[str, object]) -> None:
        if self.table.suffix == ".csv":
            begun = self.table.read_text() if self.table.exists() else "request_id,value\n"
            self.table.write_text(begun + "".join(f"{request},{value}\n" for request, value in rows))
        else:
            columns = [pa.array([row[place] for row in rows]) for place in (0, 1)]
            pq.write_table(pa.table(columns, names=["request_id", "value"]), self.table)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_an_answer_meets_its_label_once(tmp_path: Path, suffix: str) -> None:
    lab = Lab(tmp_path, suffix=suffix)
    lab.answer(OLD, "a", 0.9)
    lab.answer(NEW, "b", 0.2, at=11.0)
    lab.answer(NEW, "c", 0.7, at=12.0)
    lab.answer(NEW, "d", 0.7, model="another")
    rows: list[tuple[str, object]] = [("a", "true"), ("b", "true"), ("nobody", "false"), ("d", "true")]
    lab.tell(*rows)
    first = lab.feedback.labelled(0, "")
    assert first.answered == [Labelled(0, 10.0, 0.0), Labelled(1, 11.0, 1.0)]
    assert (first.rows, first.unanswered, first.problem) == (4, 2, "")
    assert lab.feedback.labelled(first.rows, first.digest).answered == []
    more: list[tuple[str, object]] = [("c", "false"), ("a", "false")]
    lab.tell(*(more if suffix == "csv" else [*rows, *more]))
    # A task that was killed has another object, and what it remembered.
    again = Feedback(lab.settings, "late", (OLD, NEW), models.BINARY).labelled(first.rows, first.digest)
    assert again.answered == [Labelled(1, 12.0, 1.0)], "the second label of a request does not count"


def test_a_table_that_was_written_anew_gives_no_evidence(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    lab.answer(OLD, "a", 0.9)
    lab.tell(("a", "true"))
    first = lab.feedback.labelled(0, "")
    lab.table.write_text("request_id,value\na,false\n")
    again = lab.feedback.labelled(first.rows, first.digest)
    assert again.answered == []
    assert "rows that were counted have changed" in again.problem


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "expected a table, got none so far"),
        ("request_id,label\na,true\n", "expected the columns request_id and value"),
        ("request_id,value\na,perhaps\n", "expected one of the classes"),
        ("request_id,value\nz,true\n", "none of 1 new rows is of a request in the log"),
        ("request_id,value\na,true", ""),
        ("request_id,value\na,\n", ""),
    ],
    ids=["none", "another column", "no class", "other requests", "a line half written", "not known yet"],
)
def test_what_tells_nothing_is_no_label(tmp_path: Path, content: str | None, words: str) -> None:
    lab = Lab(tmp_path)
    lab.answer(OLD, "a", 0.9)
    if content is not None:
        lab.table.write_text(content)
    found = lab.feedback.labelled(0, "")
    assert found.answered == []
    assert words in found.problem
    assert bool(words) == bool(found.problem)


def test_answers_with_several_rows_and_identities_that_came_twice_are_left_out(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    lab.answer(OLD, "several", 0.9, 0.1)
    for prediction in (0.9, 0.1):
        lab.answer(OLD, "twice", prediction)
    lab.tell(("several", "true"), ("twice", "true"))
    assert lab.feedback.labelled(0, "").answered == []


def test_of_a_regression_the_loss_is_the_absolute_error(tmp_path: Path) -> None:
    lab = Lab(tmp_path, models.DELAY)
    lab.answer(NEW, "a", 3.5)
    lab.tell(("a", 5.0))
    (found,) = lab.feedback.labelled(0, "").answered
    assert found == Labelled(1, 10.0, pytest.approx(1.5))


def fill(lab: Lab, effect: float) -> None:
    random = np.random.default_rng(1)
    for number in range(1000):
        version = NEW if number % 4 == 0 else OLD
        lab.answer(version, str(number), 0.5, at=100.0)
        if number % 8 == 0:
            # The user got the champion's answer; the challenger's was to a copy.
            lab.answer(OLD, str(number), 0.5, at=100.0)
    lab.answer(NEW, "before", 0.5, at=1.0)
    values = [float(random.normal(effect if number % 8 == 4 else 0.0, 1.0)) for number in range(1000)]
    lab.tell(*((str(number), value) for number, value in enumerate(values)), ("before", 1e9), ("5", 1e9), ("5", 0.0))


def test_the_effect_is_of_the_arm_whose_answer_the_user_got_while_the_split_was_held(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    fill(lab, 5.0)
    found = lab.feedback.effect(50.0, 200.0)
    assert (found.rows_champion, found.rows_challenger) == (875, 125)
    assert found.problem == "125 of at least 200 rows of the challenger"
    assert found.mean_challenger == pytest.approx(5.0, abs=0.4)
    assert found.mean_champion == pytest.approx(0.0, abs=0.2), "the last row of a request counts"


def test_a_table_without_numbers_gives_no_interval(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    assert "got none so far" in lab.feedback.effect(0.0, 1e9).problem
    lab.tell(("a", "much"))
    assert "much" in lab.feedback.effect(0.0, 1e9).problem


def test_logs_and_table_may_be_in_a_bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with s3.server(tmp_path) as started:
        for name, value in started.environment.items():
            monkeypatch.setenv(name, value)
        started.make_bucket("told")
        from minio import Minio

        client = Minio(
            endpoint=started.endpoint.removeprefix("http://"),
            access_key=s3.KEY,
            secret_key=s3.SECRET,
            secure=False,
            region=s3.REGION,
        )
        lab = Lab(tmp_path)
        settings = Settings("s3://told/logs", "s3://told/labels.csv")
        feedback = Feedback(settings, "late", (OLD, NEW), models.BINARY)
        assert "got none so far" in feedback.labelled(0, "").problem
        for name, prediction in (("a", 0.9), ("b", 0.1)):
            lab.answer(OLD, name, prediction)
            lab.tell((name, "true"))
            for path in lab.log.iterdir():
                client.fput_object("told", f"logs/pod/{path.name}", str(path))
            client.fput_object("told", "labels.csv", str(lab.table))
            found = feedback.labelled(0, "")
        assert [one.loss for one in found.answered] == [0.0, 1.0]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"log": "logs"}, "policy.feedback: expected the keys 'log' and 'table', got 'log'"),
        ({"log": "logs", "table": "x.json"}, "policy.feedback.table: expected NAME.parquet or NAME.csv"),
        ({"log": 1, "table": "x.csv"}, "policy.feedback.log: expected text, got 1"),
        ({"log": "logs", "table": "x.csv", "margin": 0.5}, "policy.feedback.margin: expected a number at least 1"),
        ({"logs": "logs"}, "policy.feedback: expected no keys but log, table, request, value, margin"),
    ],
)
def test_settings_that_cannot_be_are_named(given: dict, words: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        parse("policy.feedback", given)
    assert words in str(caught.value)


def test_when_it_was_answered_is_what_the_log_says() -> None:
    (event, _) = pair("a", 12.5, {}, {}, 0.0, About("//pod", "late", OLD))
    assert datetime.fromisoformat(event["time"]) == datetime.fromtimestamp(12.5, UTC)
