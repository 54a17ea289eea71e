"""Requests to a model server, wherever it runs; no answer is an answer too."""

import http.client
import json
import time
from collections.abc import Callable
from typing import Any

from foldline.serving.answer import Answer

TIMEOUT_S = 10.0
VERSION_HEADER = "x-foldline-model-version"


def predict(host: str, port: int, model: str, instances: list[dict[str, Any]], *, asked_host: str = "") -> Answer:
    """A request of protocol V1; no answer within ten seconds is status 0."""
    return ask(host, port, "POST", f"/v1/models/{model}:predict", {"instances": instances}, asked_host=asked_host)


def ask(
    host: str,
    port: int,
    method: str,
    path: str,
    content: Any = None,
    *,
    asked_host: str = "",
    clock: Callable[[], float] = time.monotonic,
) -> Answer:
    """One request on a connection of its own, `content` as JSON; with `asked_host`, in the name of that host."""
    started = clock()
    connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)
    try:
        body = None if content is None else json.dumps(content, allow_nan=False).encode()
        connection.request(method, path, body, {"Host": asked_host} if asked_host else {})
        answer = connection.getresponse()
        text = answer.read()
        return Answer(answer.status, json.loads(text), answer.getheader(VERSION_HEADER, ""), clock() - started)
    except (OSError, http.client.HTTPException, ValueError) as fault:
        return Answer(0, f"no answer: {fault or type(fault).__name__}", "", clock() - started)
    finally:
        connection.close()


def metrics(host: str, port: int, timeout_s: float) -> str | None:
    """What a model server counts, in Prometheus' text format; None where it has no metrics.

    Raises:
        OSError, HTTPException, ValueError: it does not answer, or not with text.
    """
    connection = http.client.HTTPConnection(host, port, timeout=timeout_s)
    try:
        connection.request("GET", "/metrics")
        answer = connection.getresponse()
        text = answer.read().decode()
    finally:
        connection.close()
    return text if answer.status == 200 else None
