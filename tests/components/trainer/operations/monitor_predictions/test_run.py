"""The component as a whole: datasets and a log in; decision, page, figures and alerts out."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pytest

from builders.monitored import BEGIN, BINARY, CLASSES, DAY_S, VALUE, VERSION, Columns, columns, dataset, exchange
from builders.receivers import receiving
from foldline import object_store
from foldline.artifacts import Decision, Task
from foldline.errors import ArgumentError, ArtifactError, ServingError
from foldline.operations.monitor_predictions import estimated
from foldline.operations.monitor_predictions.run import run

DAYS, LATER_DAYS, LOG_DAYS = 60, 4, 45


class Outcome(NamedTuple):
    """What a run left."""

    decision: Decision
    page: str
    metrics: dict[str, float]

    @property
    def alerts(self) -> list[str]:
        return [alert["key"] for alert in self.decision.figures["alerts"]]

    def reason(self, beginning: str) -> str:
        return next((reason for reason in self.decision.reasons if reason.startswith(beginning)), "")


def watched(folder: Path, reference: Path | str, window: Path | str, **parameters: Any) -> Outcome:
    """Run the component; what is not given has its default."""
    metrics: dict[str, float] = {}
    place = folder / f"run-{len(list(folder.glob('run-*')))}"
    given: dict[str, Any] = {
        "request_log_uri": "",
        "prometheus_url": "",
        "every": "1d",
        "until": datetime.fromtimestamp(BEGIN + (DAYS + LATER_DAYS) * DAY_S, UTC).isoformat(),
        "policy": {},
        "alerts": {},
        "state_uri": "",
    }
    run(
        reference=str(reference),
        window=str(window),
        decision=str(place / "decision"),
        report=str(place / "report.html"),
        log_metric=metrics.__setitem__,
        describe=lambda _: None,
        **(given | parameters),
    )
    return Outcome(Decision.read(place / "decision"), (place / "report.html").read_text(), metrics)


@pytest.fixture(scope="module")
def references(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A reference of each kind of task."""
    folder = tmp_path_factory.mktemp("references")
    for task in (BINARY, CLASSES, VALUE):
        dataset(folder / task.kind, task, columns(task, days=DAYS, rows=250, first_day=0, seed=1))
    return {task.kind: folder / task.kind for task in (BINARY, CLASSES, VALUE)}


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    """How well an interval is known is no concern here."""
    monkeypatch.setattr(estimated, "RESAMPLES", 25)


def later(
    folder: Path, task: Task, change: Callable[[Columns], Columns] = lambda made: made, *, labelled: bool = True
) -> Path:
    """The days after the reference."""
    made = columns(task, days=LATER_DAYS, rows=250, first_day=DAYS, seed=2)
    dataset(folder / "window", task, change(made), labelled=labelled)
    return folder / "window"


@pytest.mark.parametrize("task", [BINARY, CLASSES, VALUE], ids=lambda task: task.kind)
def test_quiet_days_are_fine_and_every_figure_is_told(task: Task, references: dict[str, Path], tmp_path: Path) -> None:
    found = watched(tmp_path, references[task.kind], later(tmp_path, task))
    figures = found.decision.figures
    assert (found.decision.subject, found.decision.verdict, found.alerts) == ("monitoring", "fine", [])
    assert figures["source"] == "window"
    assert sum(figures["predictions"]["rows"]) == LATER_DAYS * 250 == found.metrics["rows"]
    full = [len(one) for one in figures["predictions"]["statistics"] if one]
    assert set(full) == {task.outputs}
    assert [name for name, one in figures["families"].items() if one["problem"]] == []
    assert all(one["judged"] == 3 for one in figures["families"].values())
    assert ("estimates" in figures) is task.is_classification
    assert len(figures["labels"]["bias"][1]) == {"binary": 1, "multiclass": 3, "regression": 1}[task.kind]
    assert found.reason("CPU and memory: not measured")
    assert "Not measured: neither a request log nor Prometheus" in found.page
    if task.is_classification:
        estimate, real = figures["estimates"]["roc_auc"], figures["labels"]["metrics"]["roc_auc"]
        assert all(one["lower"] <= came <= one["upper"] for one, came in zip(estimate, real, strict=True) if one)
        assert "no concept drift" in found.page
    else:
        assert found.reason("Performance before labels come is not estimated")


def blank(made: Columns) -> Columns:
    return made | {"carrier": pa.nulls(len(made["at"]), pa.string())}


def without(made: Columns) -> Columns:
    return {name: values for name, values in made.items() if name != "carrier"}


def strange(made: Columns) -> Columns:
    changed = np.arange(len(made["at"])) % 2 == 0
    return made | {"carrier": np.where(changed, "ZZ", made["carrier"])}


def miles(made: Columns) -> Columns:
    return made | {"distance": made["distance"] * 1.609}


def as_text(made: Columns) -> Columns:
    return made | {"stops": made["stops"].astype(str)}


def swapped(made: Columns) -> Columns:
    random = np.random.default_rng(5)
    flip = random.random(len(made["at"])) < 0.35
    return made | {"label": np.where(flip, np.where(made["label"] == "yes", "no", "yes"), made["label"])}


def often_late(made: Columns) -> Columns:
    random = np.random.default_rng(5)
    return made | {"label": np.where(random.random(len(made["at"])) < 0.4, "yes", made["label"])}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (blank, {"inputs/carrier/missing": "critical"}),
        (without, {"inputs/carrier/missing": "critical"}),
        (as_text, {"inputs/stops/wrong type": "critical"}),
        (strange, {"inputs/carrier/unseen": "warning"}),
        (miles, {"inputs/distance/out of range": "warning"}),
    ],
)
def test_a_fault_of_an_input_is_an_alert_with_its_name(
    change: Callable[[Columns], Columns], expected: dict[str, str], references: dict[str, Path], tmp_path: Path
) -> None:
    found = watched(tmp_path, references["binary"], later(tmp_path, BINARY, change))
    assert found.decision.verdict == "alert"
    alerts = {alert["key"]: alert["severity"] for alert in found.decision.figures["alerts"]}
    assert expected.items() <= alerts.items()
    assert {key for key in alerts if key.startswith("inputs/")} == set(expected)
    for alert in found.decision.figures["alerts"]:
        assert alert["sentence"] in found.decision.reasons
        assert alert["key"] in found.page


@pytest.mark.parametrize(("change", "expected"), [(swapped, "labels/roc_auc"), (often_late, "labels/bias/yes")])
def test_predictions_that_no_longer_come_true_are_an_alert_once_labels_are_there(
    change: Callable[[Columns], Columns], expected: str, references: dict[str, Path], tmp_path: Path
) -> None:
    found = watched(tmp_path, references["binary"], later(tmp_path, BINARY, change))
    assert expected in found.alerts
    (tmp_path / "unlabelled").mkdir()
    before = watched(tmp_path, references["binary"], later(tmp_path / "unlabelled", BINARY, change, labelled=False))
    assert (before.decision.verdict, before.alerts) == ("fine", [])
    assert before.reason("Not judged, labels: 2 periods of at least 200 rows are needed, there are 0")
    assert "bias and real performance are not known yet" in before.page


def test_predictions_that_became_timid_are_seen_before_labels_come(references: dict[str, Path], tmp_path: Path) -> None:
    def timid(made: Columns) -> Columns:
        return made | {"prediction": 0.5 + (made["prediction"] - 0.5) * 0.2}

    found = watched(tmp_path, references["binary"], later(tmp_path, BINARY, timid, labelled=False))
    assert [key for key in found.alerts if key.startswith("estimate/")] != []


@pytest.mark.parametrize("fault", ["no time", "few periods", "few rows"])
def test_too_little_data_is_no_verdict(fault: str, references: dict[str, Path], tmp_path: Path) -> None:
    reference, window = references["binary"], later(tmp_path, BINARY)
    if fault == "few periods":
        reference = tmp_path / "short"
        dataset(reference, BINARY, columns(BINARY, days=20, rows=250, first_day=DAYS - 20, seed=1))
    if fault == "few rows":
        window = tmp_path / "small"
        dataset(window, BINARY, columns(BINARY, days=4, rows=20, first_day=DAYS, seed=2))
    if fault == "no time":
        reference = tmp_path / "timeless"
        dataset(reference, BINARY, columns(BINARY, days=10, rows=250, first_day=0, seed=1), time_column="")
    found = watched(tmp_path, reference, window)
    assert found.decision.verdict == "not enough data"
    assert all(one["problem"] for one in found.decision.figures["families"].values())


def test_rows_without_predictions_are_left_out(references: dict[str, Path], tmp_path: Path) -> None:
    def holes(made: Columns) -> Columns:
        return made | {"prediction": np.where(np.arange(len(made["at"])) % 10 == 0, np.nan, made["prediction"])}

    found = watched(tmp_path, references["binary"], later(tmp_path, BINARY, holes))
    assert found.metrics["rows"] == LATER_DAYS * 225
    assert sum(found.decision.figures["labels"]["labelled_rows"]) == LATER_DAYS * 225


def log(folder: Path, *, change: Callable[[int, Columns], Columns] = lambda _, row: row, more: int = 0) -> Path:
    """A request log of `LOG_DAYS` days up to the last one, 220 requests a day, `more` in the newest two."""
    folder.mkdir()
    made = columns(BINARY, days=LOG_DAYS, rows=220, first_day=DAYS + LATER_DAYS - LOG_DAYS, seed=3)
    names = ("distance", "stops", "carrier", "booked")
    lines = []
    for row, at in enumerate(made["at"]):
        asked = {name: made[name][row].item() for name in names}
        asked["distance"] = None if np.isnan(asked["distance"]) else asked["distance"]
        day = row // 220 - LOG_DAYS
        times = 1 + more if day >= -2 else 1
        for time in range(times):
            identity = f"{row}-{time}"
            lines += exchange(identity, float(at) / 1e6, [change(day, asked)], [float(made["prediction"][row])])
    # A server wrote one half and is still at it, another one wrote the rest.
    half = len(lines) // 2 // 2 * 2
    (folder / "late-a.jsonl").write_text("\n".join(lines[:half]) + '\n{"torn')
    (folder / "late-b.jsonl").write_text("\n".join(lines[half:]) + "\n")
    return folder


def test_a_request_log_tells_of_inputs_predictions_and_traffic(references: dict[str, Path], tmp_path: Path) -> None:
    window, requests = later(tmp_path, BINARY, labelled=False), log(tmp_path / "log")
    found = watched(tmp_path, references["binary"], window, request_log_uri=str(requests))
    figures = found.decision.figures
    assert (found.decision.verdict, found.alerts) == ("fine", [])
    assert figures["source"] == "request log"
    assert figures["predictions"]["rows"][-LOG_DAYS:] == [220] * LOG_DAYS
    assert set(figures["inputs"]["shares"]) == {"distance", "stops", "carrier", "booked"}
    assert figures["traffic"]["figures"]["requests"][-1] == 220
    assert figures["traffic"]["figures"]["latency p95 ms"][-1] == pytest.approx(4.0)
    assert figures["log"]["passed_over"] == {"unreadable": 1}
    assert found.reason("Of the request log, not counted or not whole: 1 unreadable")
    assert [name for name, one in figures["families"].items() if one["problem"]] == ["labels"]
    assert figures["estimates"]["roc_auc"][-1]["lower"] > 0.5


def test_a_flood_of_the_same_requests_is_an_alert(references: dict[str, Path], tmp_path: Path) -> None:
    requests = log(tmp_path / "log", change=lambda day, row: row | {"stops": 1} if day < -2 else {"stops": 2}, more=9)
    found = watched(tmp_path, references["binary"], later(tmp_path, BINARY), request_log_uri=str(requests))
    assert {"traffic/requests", "traffic/rows alike"} <= set(found.alerts)
    assert "inputs/carrier/missing" in found.alerts


def test_columns_that_no_request_has_are_told_and_not_judged(references: dict[str, Path], tmp_path: Path) -> None:
    def fewer(_: int, row: Columns) -> Columns:
        return {name: value for name, value in row.items() if name != "booked"} | {"color": "red"}

    requests = log(tmp_path / "log", change=fewer)
    found = watched(tmp_path, references["binary"], later(tmp_path, BINARY), request_log_uri=str(requests))
    assert found.alerts == []
    assert found.decision.figures["log"]["columns_of_reference_only"] == ["booked"]
    assert found.decision.figures["log"]["columns_of_requests_only"] == ["color"]
    assert "Columns of the reference that no request has: booked." in found.page


def test_an_empty_log_is_not_enough_data(references: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "log").mkdir()
    window = later(tmp_path, BINARY, labelled=False)
    found = watched(tmp_path, references["binary"], window, request_log_uri=str(tmp_path / "log"))
    assert found.decision.verdict == "not enough data"
    assert "No predictions in any period." in found.page


def test_an_alert_is_sent_once_and_again_after_the_condition_went_away(
    references: dict[str, Path], tmp_path: Path
) -> None:
    (tmp_path / "good").mkdir()
    bad, good = later(tmp_path, BINARY, strange), later(tmp_path / "good", BINARY)
    with receiving() as receiver:
        settings = {"sinks": [{"kind": "webhook", "url": receiver.url}]}
        for window in (bad, bad, good, bad):
            outcome = watched(
                tmp_path, references["binary"], window, alerts=settings, state_uri=str(tmp_path / "state")
            )
    assert [posted.content["key"] for posted in receiver.posted] == ["inputs/carrier/unseen"] * 2
    assert receiver.posted[0].content["source"] == f"/foldline/monitoring/{VERSION}"
    assert outcome.decision.figures["deliveries"][0]["outcome"] == "sent"
    assert outcome.metrics["alerts_sent"] == 1


def test_a_prometheus_that_does_not_answer_and_a_sink_that_fails_end_nothing(
    references: dict[str, Path], tmp_path: Path
) -> None:
    found = watched(
        tmp_path,
        references["binary"],
        later(tmp_path, BINARY, strange),
        prometheus_url="http://127.0.0.1:9",
        alerts={"sinks": [{"kind": "webhook", "url": "http://127.0.0.1:9/secret?token=secret"}]},
    )
    assert found.decision.verdict == "alert"
    assert found.reason("CPU and memory: not measured: Prometheus at http://127.0.0.1:9")
    assert found.decision.figures["deliveries"][0]["outcome"] == "failed"
    assert "secret" not in found.page + str(found.decision)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"every": "daily"}, "every: expected a whole number with s, m, h, d or w"),
        ({"until": "now"}, "until: expected a time in ISO 8601"),
        ({"prometheus_url": "prometheus"}, "prometheus: expected an address"),
        ({"prometheus_url": "http://user:pass@host"}, "prometheus_url: expected an address without user and password"),
        ({"state_uri": "ftp://state"}, "state_uri: expected a folder"),
        ({"policy": {"alpha": 2}}, "policy.alpha: expected a number between 0 and 1"),
        ({"policy": {"alarms": 4.0}}, "policy.alarms: expected 1 to 3"),
        ({"policy": {"alarms": 1.5}}, "policy.alarms: expected a whole number"),
        ({"policy": {"minimum": 4}}, "policy: expected no keys but"),
        ({"alerts": {"sinks": 4}}, "alerts.sinks: expected a list"),
    ],
)
def test_a_wrong_parameter_is_refused_before_anything_is_read(
    parameters: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(ArgumentError, match=message):
        watched(tmp_path, tmp_path / "absent", tmp_path / "absent", **parameters)


def test_predictions_of_another_model_or_none_are_refused(references: dict[str, Path], tmp_path: Path) -> None:
    other = columns(BINARY, days=1, rows=10, first_day=DAYS, seed=2)
    dataset(tmp_path / "other", BINARY, other, digest="sha256:other")
    with pytest.raises(ArtifactError, match=r"field model.digest of the window"):
        watched(tmp_path, references["binary"], tmp_path / "other")


def test_a_log_that_cannot_be_read_is_an_error(
    references: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOLDLINE_S3_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(object_store, "BACKOFF_S", 0.001)
    with pytest.raises(ServingError, match="request_log_uri at s3://logs"):
        watched(tmp_path, references["binary"], later(tmp_path, BINARY), request_log_uri="s3://logs/late")
