"""Alerts on their way: each one reaches each sink once, and no fault of a sink ends a task or tells a secret."""

import json
import socket
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from builders import s3
from builders.receivers import Receiver, receiving, speaking
from foldline.errors import ArgumentError
from foldline.operations.alerts import Alert, AlertSettings, Delivery, deliver, sinks

NOW = datetime(2025, 3, 1, 12, tzinfo=UTC)
SOURCE = "/foldline/monitoring/v7"
MISSING = Alert("inputs/dep_time/missing", "critical", "monitoring", "No row has a value.", {"rows": 7})
SLOW = Alert("traffic/latency", "warning", "monitoring", "It is slow.", {"p95": 1.5})


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sinks, "TIMEOUT_S", 0.3)
    monkeypatch.setattr(sinks, "ATTEMPT_S", 0.6)
    monkeypatch.setattr(sinks, "PAUSE_S", 0.01)


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[s3.S3]:
    with s3.server(tmp_path_factory.mktemp("s3")) as server:
        server.make_bucket("alerts")
        yield server


@pytest.fixture(params=["folder", "bucket"])
def state_uri(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "folder":
        return str(tmp_path / "state")
    for name, value in request.getfixturevalue("bucket").environment.items():
        monkeypatch.setenv(name, value)
    return f"s3://alerts/{tmp_path.name}"


def hook(url: str, **fields: Any) -> dict[str, Any]:
    return {"sinks": [{"kind": "webhook", "url": url}], **fields}


def sent(
    alerts: Sequence[Alert], document: dict[str, Any], state_uri: str = "", now: datetime = NOW, **more: Any
) -> list[Delivery]:
    lines: list[str] = more.pop("lines", [])
    more = {"source": SOURCE, "environment": {}, **more}
    return deliver(alerts, AlertSettings.parse(document), state_uri, now, lines.append, **more)


def outcomes(deliveries: list[Delivery]) -> list[str]:
    return [delivery.outcome for delivery in deliveries]


def test_a_log_says_key_severity_and_sentence() -> None:
    lines: list[str] = []
    assert outcomes(sent([MISSING, SLOW], {}, lines=lines)) == ["sent", "sent"]
    assert lines == [
        "alert inputs/dep_time/missing (critical): No row has a value.",
        "alert traffic/latency (warning): It is slow.",
    ]


def test_a_webhook_gets_the_fields_of_the_alert_as_json() -> None:
    with receiving() as receiver:
        sent([MISSING], hook(f"{receiver.url}/hook?token=1"))
    (posted,) = receiver.posted
    assert posted.path == "/hook?token=1"
    assert posted.headers["content-type"] == "application/json"
    assert posted.content == {
        "text": "[critical] No row has a value.",
        "key": "inputs/dep_time/missing",
        "severity": "critical",
        "subject": "monitoring",
        "sentence": "No row has a value.",
        "figures": {"rows": 7},
        "source": SOURCE,
        "time": "2025-03-01T12:00:00+00:00",
    }


def test_a_cloud_event_is_structured_and_keeps_its_identity_when_it_is_tried_again() -> None:
    with receiving(503) as receiver:
        assert outcomes(sent([SLOW], {"sinks": [{"kind": "cloudevents", "url": receiver.url}]})) == ["sent"]
    first, second = (posted.content for posted in receiver.posted)
    assert first == second
    assert receiver.posted[0].headers["content-type"] == "application/cloudevents+json"
    assert {name: first[name] for name in ("specversion", "type", "source", "subject", "severity")} == {
        "specversion": "1.0",
        "type": "foldline.alert",
        "source": SOURCE,
        "subject": SLOW.key,
        "severity": "warning",
    }
    assert first["data"] == SLOW.to_json()
    assert all(name.isalnum() and name.islower() for name in first)


def test_an_address_may_be_a_secret_of_the_environment() -> None:
    document = {"sinks": [{"kind": "webhook", "url_env": "HOOK"}]}
    with receiving() as receiver:
        address = f"http://user:pass%20word@127.0.0.1:{receiver.port}/hook"
        assert outcomes(sent([SLOW], document, environment={"HOOK": address})) == ["sent"]
    assert receiver.posted[0].headers["authorization"] == "Basic dXNlcjpwYXNzIHdvcmQ="


@pytest.mark.parametrize(
    ("statuses", "outcome", "requests"),
    [
        ((500,), "sent", 2),
        ((429, 503), "sent", 3),
        ((500, 500, 500), "failed", 3),
        ((404,), "failed", 1),
        ((307,), "failed", 1),
    ],
)
def test_a_fault_that_may_pass_is_tried_again_and_a_redirect_is_not_followed(
    statuses: tuple[int, ...], outcome: str, requests: int
) -> None:
    with receiving(*statuses) as receiver:
        assert outcomes(sent([SLOW], hook(receiver.url))) == [outcome]
    assert [posted.path for posted in receiver.posted] == ["/"] * requests


REFUSED = "http://127.0.0.1:9"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (None, "no answer (Connection refused)"),
        (b"", "no answer within 0.3 s"),
        (b"\x00\xff garbage\r\n\r\n", "no answer of HTTP"),
        (b"HTTP/1.1 500 token=secret\r\ncontent-length: 0\r\n\r\n", "status 500"),
    ],
)
def test_a_sink_that_fails_is_told_and_ends_nothing_and_tells_no_secret(answer: bytes | None, said: str) -> None:
    lines: list[str] = []

    def check(url: str) -> None:
        address = url.replace("http://", "http://user:secret@") + "/secret?token=secret"
        document = {"sinks": [{"kind": "webhook", "url_env": "HOOK"}, {"kind": "log"}]}
        found = sent([SLOW, MISSING], document, environment={"HOOK": address}, lines=lines)
        assert outcomes(found) == ["failed", "sent", "failed", "sent"]
        assert said in found[0].detail
        shown = json.dumps([one.to_json() for one in found]) + "".join(lines)
        assert "2 of 2 did not reach the sink webhook" in shown
        assert "secret" not in shown
        assert "user" not in shown

    if answer is None:
        check(REFUSED)
    else:
        with speaking(answer) as url:
            check(url)


def test_a_sink_that_failed_is_left_alone_for_the_other_alerts() -> None:
    with receiving(*[500] * 9) as receiver:
        sent([SLOW, MISSING], hook(receiver.url))
    assert len(receiver.posted) == sinks.ATTEMPTS


@pytest.mark.parametrize("address", ["", "no address", "http://secret:80:80/"])
def test_a_variable_without_an_address_is_a_failed_delivery(address: str) -> None:
    (found,) = sent([SLOW], {"sinks": [{"kind": "webhook", "url_env": "HOOK"}]}, environment={"HOOK": address})
    assert found.outcome == "failed"
    assert found.detail.startswith("environment variable HOOK: expected an address")
    assert "secret" not in found.detail


def test_an_alert_is_sent_again_only_after_a_while_or_when_it_came_back(state_uri: str) -> None:
    with receiving() as receiver:
        settings = hook(receiver.url, repeat_after="1d")

        def at(hours: int, *alerts: Alert) -> list[str]:
            return outcomes(sent(alerts, settings, state_uri, NOW + timedelta(hours=hours)))

        assert at(0, MISSING) == ["sent"]
        assert at(1, MISSING, SLOW) == ["said before", "sent"]
        assert at(24, MISSING, SLOW) == ["sent", "said before"]
        assert at(25) == []
        assert at(26, MISSING, SLOW) == ["sent", "sent"]
    assert len(receiver.posted) == 5


def test_keys_of_another_source_are_no_concern(tmp_path: Path) -> None:
    with receiving() as receiver:
        state, settings = str(tmp_path), hook(receiver.url)
        assert outcomes(sent([SLOW], settings, state, source="/a")) == ["sent"]
        assert outcomes(sent([], settings, state, source="/b")) == []
        assert outcomes(sent([SLOW], settings, state, source="/b")) == ["sent"]
        assert outcomes(sent([SLOW], settings, state, source="/a")) == ["said before"]


def test_what_failed_is_sent_by_the_next_task_and_what_did_not_is_not(tmp_path: Path) -> None:
    with receiving(404) as receiver:
        document = hook(receiver.url)
        document["sinks"].append({"kind": "log"})
        assert outcomes(sent([SLOW], document, str(tmp_path))) == ["failed", "sent"]
        assert outcomes(sent([SLOW], document, str(tmp_path))) == ["sent", "said before"]


def test_a_silenced_alert_is_not_sent_and_comes_when_the_silence_ends(tmp_path: Path) -> None:
    until = NOW + timedelta(hours=2)
    with receiving() as receiver:
        silence = {"key": "traffic/*", "until": until.isoformat(), "reason": "a load test"}
        settings = hook(receiver.url, silences=[silence])
        first = sent([SLOW, MISSING], settings, str(tmp_path))
        assert outcomes(first) == ["silenced", "sent"]
        assert first[0].detail == f"until {until.isoformat()}: a load test"
        assert outcomes(sent([SLOW, MISSING], settings, str(tmp_path), until)) == ["sent", "said before"]
    assert [posted.content["key"] for posted in receiver.posted] == [MISSING.key, SLOW.key]


def race(receiver: Receiver, state_uri: str, writers: int) -> list[str]:
    """Outcomes of so many tasks at once, each with the same two alerts."""
    found: list[str] = []
    ready = threading.Barrier(writers)

    def one() -> None:
        ready.wait()
        found.extend(outcomes(sent([SLOW, MISSING], hook(receiver.url), state_uri)))

    threads = [threading.Thread(target=one) for _ in range(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def test_of_several_tasks_at_once_one_sends(state_uri: str) -> None:
    with receiving() as receiver:
        found = race(receiver, state_uri, 4)
    assert sorted(posted.content["key"] for posted in receiver.posted) == [MISSING.key, SLOW.key]
    assert found.count("sent") == 2
    assert set(found) <= {"sent", "said before", "in hand"}


def test_a_task_that_died_while_sending_holds_an_alert_back_for_ten_minutes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: Any) -> None:
        raise KeyboardInterrupt

    with receiving() as receiver:
        with monkeypatch.context() as patch:
            patch.setattr(sinks.HttpSink, "send", die)
            with pytest.raises(KeyboardInterrupt):
                sent([SLOW], hook(receiver.url), str(tmp_path))
        assert outcomes(sent([SLOW], hook(receiver.url), str(tmp_path), NOW + timedelta(minutes=9))) == ["in hand"]
        assert outcomes(sent([SLOW], hook(receiver.url), str(tmp_path), NOW + timedelta(minutes=10))) == ["sent"]


@pytest.mark.parametrize("content", ["{torn", '{"form": "another"}', '{"form": "foldline.alerts/1", "alerts": 3}'])
def test_a_torn_memory_lets_every_alert_through_and_is_told(tmp_path: Path, content: str) -> None:
    with receiving() as receiver:
        sent([SLOW], hook(receiver.url), str(tmp_path))
        (record,) = (path for path in tmp_path.rglob("*.json"))
        record.write_text(content)
        lines: list[str] = []
        assert outcomes(sent([SLOW], hook(receiver.url), str(tmp_path), lines=lines)) == ["sent"]
    assert lines[0].startswith("alerts: what was sent before is not known, so each one is sent: record ")


def test_a_memory_that_cannot_be_reached_lets_every_alert_through(monkeypatch: pytest.MonkeyPatch) -> None:
    from foldline import object_store

    monkeypatch.setattr(object_store, "BACKOFF_S", 0.001)
    monkeypatch.setenv("FOLDLINE_S3_ENDPOINT", REFUSED)
    lines: list[str] = []
    with receiving() as receiver:
        assert outcomes(sent([SLOW], hook(receiver.url), "s3://nowhere", lines=lines)) == ["sent"]
    assert [line.partition(",")[0].partition(":")[0] for line in lines] == ["alerts", "alerts"]


def test_a_memory_without_an_address_is_the_callers_fault() -> None:
    with pytest.raises(ArgumentError, match="state_uri: expected a folder"):
        sent([], {}, "ftp://state")


def test_a_server_that_answers_a_byte_at_a_time_is_given_up() -> None:
    class Slowly(threading.Thread):
        """Sends another header as often as the client would wait for one."""

        def __init__(self) -> None:
            super().__init__(daemon=True)
            self.listener = socket.create_server(("127.0.0.1", 0))
            self.ended = threading.Event()

        def run(self) -> None:
            while not self.ended.is_set():
                try:
                    connection, _ = self.listener.accept()
                except OSError:
                    return
                threading.Thread(target=self.drip, args=(connection,), daemon=True).start()

        def drip(self, connection: socket.socket) -> None:
            with connection:
                try:
                    connection.sendall(b"HTTP/1.1 200 OK\r\n")
                    while not self.ended.wait(0.1):
                        connection.sendall(b"x: y\r\n")
                except OSError:
                    return

    slowly = Slowly()
    slowly.start()
    try:
        (found,) = sent([SLOW], hook(f"http://127.0.0.1:{slowly.listener.getsockname()[1]}"))
    finally:
        slowly.ended.set()
        slowly.listener.close()
    assert found.outcome == "failed"
    assert "no answer within 0.6 s" in found.detail
