"""Places that take alerts. What goes wrong is told without any part of an address but its host.

A webhook gets a POST of `application/json`: the alert's fields, `source`, `time`, and `text`, which the incoming
webhooks of chat services show. CloudEvents 1.0 go in structured mode (`application/cloudevents+json`), one a request.
"""

import hashlib
import http.client
import json
import socket
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import IO, Any
from urllib.error import HTTPError, URLError
from urllib.parse import unquote, urlsplit, urlunsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from foldline.operations.alerts.alert import Alert
from foldline.operations.alerts.settings import CLOUDEVENTS, SinkSettings

TYPE = "foldline.alert"
# Of one wait for the other side, and of an attempt with all its waits.
TIMEOUT_S, ATTEMPT_S = 5.0, 10.0
ATTEMPTS = 3
PAUSE_S = 0.5
_PASSING = (429, 500, 502, 503, 504)


class UndeliveredError(Exception):
    """A sink did not take an alert; the message says why, without a secret."""


def webhook_body(alert: Alert, source: str, now: datetime) -> dict[str, Any]:
    """What a webhook gets."""
    return {
        "text": f"[{alert.severity}] {alert.sentence}",
        **alert.to_json(),
        "source": source,
        "time": now.isoformat(),
    }


def cloud_event(alert: Alert, source: str, now: datetime) -> dict[str, Any]:
    """The alert as a CloudEvent; its subject is the alert's key."""
    identity = hashlib.sha256("\n".join((source, alert.key, now.isoformat())).encode()).hexdigest()
    return {
        "specversion": "1.0",
        "type": TYPE,
        "id": identity,
        "source": source,
        "subject": alert.key,
        "time": now.isoformat(),
        "datacontenttype": "application/json",
        "severity": alert.severity,
        "data": alert.to_json(),
    }


class HttpSink:
    """A webhook, or what takes CloudEvents over HTTP.

    An attempt that meets a fault that may pass (no connection, a time-out, status 429 or 5xx) is repeated, three in
    all. Redirects are not followed: they might lead to where an alert is not meant to go.
    """

    def __init__(
        self, settings: SinkSettings, environment: Mapping[str, str], sleep: Callable[[float], None] = time.sleep
    ) -> None:
        """Find the address.

        Raises:
            ArgumentError: the environment variable of the sink holds none.
        """
        self._is_event, self._sleep = settings.kind == CLOUDEVENTS, sleep
        parts = urlsplit(settings.address(environment))
        user, separator, host = parts.netloc.rpartition("@")
        self._address = urlunsplit((parts.scheme, host, parts.path, parts.query, ""))
        self._host = parts.hostname or ""
        kind = "application/cloudevents+json" if self._is_event else "application/json"
        self._headers = {"Content-Type": kind, "User-Agent": "foldline"}
        if separator:
            self._headers["Authorization"] = f"Basic {b64encode(unquote(user).encode()).decode()}"
        self._opener = build_opener(_NoRedirects)

    def send(self, alert: Alert, source: str, now: datetime) -> None:
        """Send it.

        Raises:
            UndeliveredError: it was not taken.
        """
        made = cloud_event(alert, source, now) if self._is_event else webhook_body(alert, source, now)
        body = json.dumps(made).encode()
        for attempt in range(1, ATTEMPTS + 1):
            said, may_pass = self._attempt(body)
            if not said:
                return
            if not may_pass or attempt == ATTEMPTS:
                raise UndeliveredError(f"{self._host}: {said}, after {attempt} of {ATTEMPTS} attempts")
            self._sleep(PAUSE_S * attempt)

    def _attempt(self, body: bytes) -> tuple[str, bool]:
        """What went wrong, empty where nothing did, and whether it may pass."""
        outcome: list[tuple[str, bool]] = []
        # A server that answers a byte at a time meets no time-out of the socket.
        thread = threading.Thread(target=lambda: outcome.append(self._post(body)), name="alert", daemon=True)
        thread.start()
        thread.join(ATTEMPT_S)
        return outcome[0] if outcome else (f"no answer within {ATTEMPT_S:g} s", True)

    def _post(self, body: bytes) -> tuple[str, bool]:
        request = Request(self._address, body, self._headers, method="POST")
        try:
            # What it answers does not matter.
            self._opener.open(request, timeout=TIMEOUT_S).close()
        except HTTPError as fault:
            fault.close()
            return f"status {fault.code}", fault.code in _PASSING
        except ConnectionError as fault:
            return _reason(fault), True
        except (http.client.HTTPException, ValueError) as fault:
            # Words of another protocol; the message might hold what was sent.
            return f"no answer of HTTP ({type(fault).__name__})", False
        except OSError as fault:
            return _reason(fault), True
        return "", False


class _NoRedirects(HTTPRedirectHandler):
    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: http.client.HTTPMessage, newurl: str
    ) -> None:
        return None


def _reason(fault: OSError) -> str:
    inner = fault.reason if isinstance(fault, URLError) else fault
    if isinstance(inner, TimeoutError):
        return f"no answer within {TIMEOUT_S:g} s"
    if isinstance(inner, socket.gaierror):
        return "no such host"
    words = inner.strerror if isinstance(inner, OSError) and inner.strerror else type(inner).__name__
    return f"no answer ({words})"
