"""The document that says where alerts go, which ones are silent and when one is said again."""

import fnmatch
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Self
from urllib.parse import urlsplit

from foldline.durations import seconds_of
from foldline.errors import ArgumentError

LOG, WEBHOOK, CLOUDEVENTS = "log", "webhook", "cloudevents"
KINDS = (LOG, WEBHOOK, CLOUDEVENTS)
REPEAT_AFTER = "1d"


@dataclass(frozen=True)
class SinkSettings:
    """One place for alerts.

    Attributes:
        kind: one of `KINDS`.
        name: its own among the sinks; the kind where none is given.
        url: http or https address; empty where `url_env` has it, and of a log.
        url_env: environment variable that holds the address, which may be a secret.
    """

    kind: str
    name: str
    url: str = ""
    url_env: str = ""

    def address(self, environment: Mapping[str, str]) -> str:
        """The address of a sink that has one.

        Raises:
            ArgumentError: the environment variable holds none. The message has no part of the address.
        """
        if not self.url_env:
            return self.url
        found = environment.get(self.url_env, "").strip()
        _check_address(f"environment variable {self.url_env}", found)
        return found

    def to_json(self) -> dict[str, str]:
        """What may be shown: of an address the host alone."""
        where = {"url_env": self.url_env} if self.url_env else {"host": urlsplit(self.url).hostname or ""}
        return {"kind": self.kind, "name": self.name, **({} if self.kind == LOG else where)}


@dataclass(frozen=True)
class Silence:
    """Alerts that are not sent for a while.

    Attributes:
        key: pattern of their keys (`fnmatch`: `*`, `?`, `[…]`; case matters).
        until: aware.
        reason: for people.
    """

    key: str
    until: datetime
    reason: str

    def covers(self, key: str, now: datetime) -> bool:
        return now < self.until and fnmatch.fnmatchcase(key, self.key)

    def to_json(self) -> dict[str, str]:
        """The entry of the document."""
        return {"key": self.key, "until": self.until.isoformat(), "reason": self.reason}


@dataclass(frozen=True)
class AlertSettings:
    """What the document says.

    Attributes:
        sinks: where alerts go.
        silences: which ones do not.
        repeat_after: an alert whose condition lasts is said again after this time.
    """

    sinks: tuple[SinkSettings, ...]
    silences: tuple[Silence, ...]
    repeat_after: timedelta

    @classmethod
    def parse(cls, document: Mapping[str, Any], what: str = "alerts") -> Self:
        """The settings in `document`; an empty one means a log, no silence, and once a day.

        Args:
            document: `sinks`: list of `{kind, name, url | url_env}`; `silences`: list of `{key, until, reason}` with an
                ISO 8601 time, in UTC where it has no zone; `repeat_after`: a duration such as `12h` or `1d`.
            what: name of the parameter, for messages.

        Raises:
            ArgumentError: it has another form, two sinks of one name, or an address with a user or password in it.
        """
        _known(what, document, ("sinks", "silences", "repeat_after"))
        given = _objects(f"{what}.sinks", document.get("sinks", [{"kind": LOG}]))
        sinks = tuple(_sink(f"{what}.sinks[{place}]", one) for place, one in enumerate(given))
        for place, sink in enumerate(sinks):
            if sink.name in [before.name for before in sinks[:place]]:
                raise ArgumentError(
                    f"{what}.sinks[{place}].name", expected="a name that no other sink has", got=repr(sink.name)
                )
        silent = _objects(f"{what}.silences", document.get("silences", []))
        return cls(
            sinks=sinks,
            silences=tuple(_silence(f"{what}.silences[{place}]", one) for place, one in enumerate(silent)),
            repeat_after=timedelta(
                seconds=seconds_of(document.get("repeat_after", REPEAT_AFTER), argument=f"{what}.repeat_after")
            ),
        )

    def to_json(self) -> dict[str, Any]:
        """The document without what may be secret."""
        return {
            "sinks": [sink.to_json() for sink in self.sinks],
            "silences": [silence.to_json() for silence in self.silences],
            "repeat_after_s": int(self.repeat_after.total_seconds()),
        }


def _sink(what: str, given: Mapping[str, Any]) -> SinkSettings:
    _known(what, given, ("kind", "name", "url", "url_env"))
    kind = given.get("kind")
    if kind not in KINDS:
        raise ArgumentError(f"{what}.kind", expected=" or ".join(map(repr, KINDS)), got=repr(kind))
    name, url, url_env = (_text(f"{what}.{key}", given.get(key, "")) for key in ("name", "url", "url_env"))
    if kind == LOG and (url or url_env):
        raise ArgumentError(what, expected="no address for standard output", got="one")
    if kind != LOG and bool(url) == bool(url_env):
        raise ArgumentError(
            what,
            expected="either url, or url_env with the name of an environment variable that holds the address",
            got="both" if url else "neither",
        )
    if url:
        _check_address(f"{what}.url", url)
        if "@" in urlsplit(url).netloc:
            raise ArgumentError(
                f"{what}.url",
                expected="an address without user and password",
                got="one with them",
                fix="Put it into an environment variable, and its name into url_env.",
            )
    return SinkSettings(kind, name or kind, url, url_env)


def _silence(what: str, given: Mapping[str, Any]) -> Silence:
    _known(what, given, ("key", "until", "reason"))
    key, until, reason = (_text(f"{what}.{field}", given.get(field, "")) for field in ("key", "until", "reason"))
    for field, value in (("key", key), ("reason", reason)):
        if not value:
            raise ArgumentError(f"{what}.{field}", expected="text", got="nothing")
    try:
        moment = datetime.fromisoformat(until)
    except ValueError:
        raise ArgumentError(f"{what}.until", expected="a time in ISO 8601", got=repr(until)) from None
    return Silence(key, moment if moment.tzinfo else moment.replace(tzinfo=UTC), reason)


def _check_address(what: str, address: str) -> None:
    try:
        parts = urlsplit(address)
        right = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        right = False
    if not right or not address.isprintable() or " " in address:
        raise ArgumentError(
            what,
            expected="an address that begins with http:// or https://",
            got="another text" if address else "nothing",
        )


def _objects(what: str, given: Any) -> list[Mapping[str, Any]]:
    if not isinstance(given, list) or not all(isinstance(one, dict) for one in given):
        raise ArgumentError(what, expected="a list of objects", got=type(given).__name__)
    return given


def _known(what: str, given: Mapping[str, Any], keys: tuple[str, ...]) -> None:
    unknown = [key for key in given if key not in keys]
    if unknown:
        raise ArgumentError(what, expected=f"no keys but {', '.join(keys)}", got=repr(unknown[0]))


def _text(what: str, value: Any) -> str:
    if not isinstance(value, str):
        raise ArgumentError(what, expected="text", got=type(value).__name__)
    return value.strip()
