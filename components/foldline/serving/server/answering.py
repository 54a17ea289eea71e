"""Requests for predictions: read, asked of the model, answered, counted and logged."""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from fastapi import Request
from fastapi.responses import JSONResponse
from numpy.typing import NDArray
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from foldline.artifacts import RawColumn
from foldline.errors import ArtifactError, DataError
from foldline.serving.server import protocols, validity
from foldline.serving.server.request_log import RequestLog
from foldline.serving.server.served import Served

REQUEST_ID = "x-request-id"
MOST_BODY_BYTES = 16 * 2**20
# A longer body is read by another thread, so that the others need not wait.
SHORT_BODY_BYTES = 64 * 2**10

Read = Callable[[dict[str, Any], tuple[RawColumn, ...]], protocols.Tensors]
Write = Callable[[NDArray[np.float32], dict[str, Any]], dict[str, Any]]


class Protocol(NamedTuple):
    """How a protocol reads a request's content and writes predictions."""

    name: str
    read: Read
    write: Write


class Outcome(NamedTuple):
    """An answer, why it is not 200 in one word, the request's content and bytes where it could be read, and what was
    predicted, shape (n_rows, n_outputs), where something was."""

    code: int
    reason: str
    content: dict[str, Any]
    asked: dict[str, Any] | None = None
    size: int = 0
    predictions: NDArray[np.float32] | None = None


class Answering:
    """The endpoints that predict."""

    def __init__(self, served: Served, log: RequestLog | None) -> None:
        self._served, self._log = served, log
        self._v1 = Protocol("v1", protocols.tensors_of_v1, lambda predictions, _: protocols.answer_of_v1(predictions))
        self._v2 = Protocol("v2", protocols.tensors_of_v2, self._answer_of_v2)

    async def v1(self, request: Request) -> JSONResponse:
        """`POST /v1/models/NAME:predict`."""
        return await self._answer(request, self._v1)

    async def v2(self, request: Request) -> JSONResponse:
        """`POST /v2/models/NAME/infer`."""
        return await self._answer(request, self._v2)

    async def _answer(self, request: Request, protocol: Protocol) -> JSONResponse:
        started = time.perf_counter()
        metrics = self._served.metrics
        with metrics.in_flight.track_inprogress():
            outcome = await self._outcome(request, protocol)
            # A router that gives each request its identity need not tell the client.
            identity = request.headers.get(REQUEST_ID, "")
            answer = JSONResponse(outcome.content, outcome.code, {REQUEST_ID: identity} if identity else None)
        seconds = time.perf_counter() - started
        metrics.answered(protocol.name, outcome.code, outcome.reason, seconds)
        if outcome.predictions is not None:
            self._served.recent.add(identity, outcome.predictions)
        if self._log is not None and outcome.asked is not None:
            answered = outcome.content if outcome.code == 200 else None
            self._log.offer(identity, outcome.asked, answered, outcome.size, seconds)
        return answer

    async def _outcome(self, request: Request, protocol: Protocol) -> Outcome:
        asked = request.path_params["asked"]
        if asked != self._served.name:
            return _error(404, "unknown_model", protocols.another_model(self._served.name, asked))
        try:
            body = await _body(request)
        except ClientDisconnect:
            return _error(400, "broken_off", "request body: expected all of it, got a closed connection.")
        if body is None:
            said = f"request body: expected at most {MOST_BODY_BYTES} bytes, got more."
            return _error(413, "too_large", said)
        try:
            content, tensors = (
                self._read(body, protocol)
                if len(body) <= SHORT_BODY_BYTES
                else await run_in_threadpool(self._read, body, protocol)
            )
        except DataError as fault:
            return _error(400, "bad_request", str(fault))
        return (await self._predicted(content, tensors, protocol))._replace(size=len(body))

    async def _predicted(self, content: dict[str, Any], tensors: protocols.Tensors, protocol: Protocol) -> Outcome:
        served = self._served
        if served.batcher is None:
            said = f"model {served.name}: expected ready, got {served.state}."
            return _error(503, "not_ready", said, content)
        try:
            predictions = await served.batcher.predict(tensors)
            validity.check(predictions, served.model.task)
        except ArtifactError as fault:
            reason, said = "wrong_shape", str(fault)
        except validity.NotFiniteError as fault:
            reason, said = "not_finite", str(fault)
        except validity.OutOfRangeError as fault:
            reason, said = "out_of_range", str(fault)
        except Exception as fault:
            # Whatever TensorFlow raises while a graph runs.
            said = f"model {served.name}: expected predictions, got {type(fault).__name__}: {str(fault)[:200]}"
            return _error(500, "model_error", said, content)
        else:
            served.metrics.predicted(predictions)
            return Outcome(200, "ok", protocol.write(predictions, content), content, predictions=predictions)
        served.metrics.invalid(reason)
        return _error(500, reason, said, content)

    def _read(self, body: bytes, protocol: Protocol) -> tuple[dict[str, Any], protocols.Tensors]:
        content = protocols.parse(body)
        return content, protocol.read(content, self._served.model.signature)

    def _answer_of_v2(self, predictions: NDArray[np.float32], content: dict[str, Any]) -> dict[str, Any]:
        return protocols.answer_of_v2(
            predictions, name=self._served.name, version=self._served.version, request=content
        )


async def _body(request: Request) -> bytes | None:
    """The request's body, or None as soon as it is too long."""
    parts: list[bytes] = []
    length = 0
    async for part in request.stream():
        length += len(part)
        if length > MOST_BODY_BYTES:
            return None
        parts.append(part)
    return b"".join(parts)


def _error(code: int, reason: str, said: str, asked: dict[str, Any] | None = None) -> Outcome:
    return Outcome(code, reason, {"error": said}, asked)
