"""The document of alerts: what it may say, and what of it may be shown."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from foldline.errors import ArgumentError
from foldline.operations.alerts import AlertSettings

NOW = datetime(2025, 3, 1, 12, tzinfo=UTC)
HOOK = {"kind": "webhook", "url": "http://hooks.example/T000/secret?token=secret"}


def test_an_empty_document_means_a_log_and_a_repetition_each_day() -> None:
    settings = AlertSettings.parse({})
    assert [sink.kind for sink in settings.sinks] == ["log"]
    assert settings.silences == ()
    assert settings.repeat_after == timedelta(days=1)


def test_what_is_shown_of_an_address_is_its_host() -> None:
    shown = AlertSettings.parse({"sinks": [HOOK, {"kind": "cloudevents", "url_env": "HOOK"}]}).to_json()
    assert shown["sinks"] == [
        {"kind": "webhook", "name": "webhook", "host": "hooks.example"},
        {"kind": "cloudevents", "name": "cloudevents", "url_env": "HOOK"},
    ]
    assert "secret" not in str(shown)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"sink": []}, r"alerts: expected no keys but sinks, silences, repeat_after, got 'sink'"),
        ({"sinks": {"kind": "log"}}, r"alerts.sinks: expected a list of objects"),
        ({"sinks": [{"kind": "mail"}]}, r"alerts.sinks\[0\].kind: expected 'log' or 'webhook' or 'cloudevents'"),
        ({"sinks": [{"kind": "log", "url": "http://a"}]}, r"expected no address for standard output"),
        ({"sinks": [{"kind": "webhook"}]}, r"expected either url, or url_env .* got neither"),
        ({"sinks": [{**HOOK, "url_env": "HOOK"}]}, r"expected either url, or url_env .* got both"),
        ({"sinks": [HOOK, HOOK]}, r"alerts.sinks\[1\].name: expected a name that no other sink has"),
        ({"sinks": [{"kind": "webhook", "url": "ftp://secret"}]}, r"alerts.sinks\[0\].url: expected an address that"),
        ({"sinks": [{"kind": "webhook", "url": "http://secret@host"}]}, r"an address without user and password"),
        ({"sinks": [{"kind": "webhook", "url": "http://[secret"}]}, r"alerts.sinks\[0\].url: expected an address that"),
        ({"sinks": [{"kind": "webhook", "url": 5}]}, r"alerts.sinks\[0\].url: expected text, got int"),
        ({"silences": [{"key": "a", "until": "tomorrow", "reason": "b"}]}, r"until: expected a time in ISO 8601"),
        ({"silences": [{"key": "a", "until": "2025-03-02"}]}, r"reason: expected text, got nothing"),
        ({"repeat_after": "soon"}, r"alerts.repeat_after: expected a whole number with s, m, h, d or w"),
        ({"repeat_after": 7}, r"alerts.repeat_after: expected a whole number with"),
    ],
)
def test_a_wrong_document_is_refused_without_a_secret(document: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message) as caught:
        AlertSettings.parse(document)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("pattern", "until", "covered"),
    [
        ("inputs/*", "2025-03-02T00:00:00", True),
        ("inputs/dep?time/missing", "2025-03-01T12:00:01+00:00", True),
        ("inputs/*", "2025-03-01T12:00:00Z", False),
        ("inputs/*", "2025-03-01T13:00:00+02:00", False),
        ("Inputs/*", "2025-03-02", False),
        ("traffic/*", "2025-03-02", False),
    ],
)
def test_a_silence_covers_a_pattern_of_keys_until_a_time(pattern: str, until: str, covered: bool) -> None:
    document = {"silences": [{"key": pattern, "until": until, "reason": "known"}]}
    (silence,) = AlertSettings.parse(document).silences
    assert silence.covers("inputs/dep_time/missing", NOW) is covered
