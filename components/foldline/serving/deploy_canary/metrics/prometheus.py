"""Prometheus over HTTP: the samples of the last minutes of some series."""

import http.client
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode, urlsplit
from urllib.request import Request, urlopen

from foldline.errors import ArgumentError, ServingError

TIMEOUT_S = 10.0
ATTEMPTS = 3
PAUSE_S = 0.5
LOOKBACK_S = 300

Entry = TypeVar("Entry")


@dataclass(frozen=True)
class Series:
    """Samples of one series.

    Attributes:
        labels: without the name.
        at, value: of the newest sample; seconds since 1970 by the clock of Prometheus.
    """

    name: str
    labels: dict[str, str]
    at: float
    value: float


@dataclass(frozen=True)
class Found:
    """The series of one query, and the time by the clock of Prometheus when it answered."""

    series: list[Series]
    now: float


@dataclass(frozen=True)
class History:
    """Values of one series over time.

    Attributes:
        labels: without the name.
        samples: value by time, seconds since 1970.
    """

    labels: dict[str, str]
    samples: dict[float, float]


class Prometheus:
    """The HTTP API of one Prometheus, or of what speaks like it.

    Raises:
        ArgumentError: `url` is no address.
    """

    def __init__(self, url: str, *, sleep: Callable[[float], None] = time.sleep) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ArgumentError(
                "prometheus", expected="an address like http://prometheus.monitoring:9090", got=repr(url)
            )
        self._url, self._sleep = url.rstrip("/"), sleep

    def newest(self, selector: str) -> Found:
        """The newest sample of each series that had one within the last five minutes.

        The real times of the samples come with them, which an instant vector does not have.

        Raises:
            ServingError: it does not answer, refuses the query, or answers with something else.
        """
        query = f"{selector}[{LOOKBACK_S}s]"
        text, date = self._get(f"{self._url}/api/v1/query?{urlencode({'query': query})}")
        return read(text, date, self._what)

    def over(self, query: str, start: float, end: float, step_s: int) -> list[History]:
        """What a query gives at `start` and each `step_s` seconds later, up to `end`; seconds since 1970.

        Raises:
            ServingError: as `newest`.
        """
        asked = urlencode({"query": query, "start": start, "end": end, "step": step_s})
        text, _ = self._get(f"{self._url}/api/v1/query_range?{asked}")
        return _matrix(text, self._what, _history)

    @property
    def _what(self) -> str:
        return f"Prometheus at {self._url}"

    def _get(self, address: str) -> tuple[bytes, str]:
        attempt = 0
        while True:
            attempt += 1
            try:
                with urlopen(Request(address, headers={"Accept": "application/json"}), timeout=TIMEOUT_S) as answer:
                    return answer.read(), answer.headers.get("Date", "")
            except HTTPError as fault:
                last = f"status {fault.code}: {_refusal(fault.read(4000))}"
                if fault.code < 500 and fault.code != 429:
                    raise ServingError(self._what, expected="an answer to a query", got=last) from None
            except (URLError, http.client.HTTPException, OSError) as fault:
                last = f"no answer: {getattr(fault, 'reason', fault) or type(fault).__name__}"
            if attempt == ATTEMPTS:
                raise ServingError(self._what, expected=f"an answer within {ATTEMPTS} attempts", got=last)
            self._sleep(PAUSE_S * attempt)


def read(text: bytes, date: str, what: str) -> Found:
    """What an answer of the HTTP API says; `date` is its header of that name.

    Raises:
        ServingError: it is no answer with samples over time.
    """
    series = _matrix(text, what, _series)
    now = parsedate_to_datetime(date).timestamp() if date else time.time()
    return Found(series, now)


def _matrix(text: bytes, what: str, of_entry: Callable[[dict[str, Any]], Entry]) -> list[Entry]:
    """What `of_entry` makes of each series that has samples. Raises ServingError."""
    try:
        content = json.loads(text)
        data = content["data"]
        if content["status"] != "success" or data["resultType"] != "matrix":
            raise ValueError(content["status"])
        return [of_entry(entry) for entry in data["result"] if entry["values"]]
    except (KeyError, TypeError, ValueError, IndexError):
        raise ServingError(what, expected="samples over time (a matrix)", got=repr(text[:200])) from None


def _series(entry: dict[str, Any]) -> Series:
    labels = dict(entry["metric"])
    at, value = entry["values"][-1]
    return Series(labels.pop("__name__"), labels, float(at), float(value))


def _history(entry: dict[str, Any]) -> History:
    labels = {name: value for name, value in entry["metric"].items() if name != "__name__"}
    return History(labels, {float(at): float(value) for at, value in entry["values"]})


def _refusal(text: bytes) -> str:
    try:
        return str(json.loads(text)["error"])[:300]
    except (KeyError, TypeError, ValueError):
        return text[:200].decode(errors="replace")
