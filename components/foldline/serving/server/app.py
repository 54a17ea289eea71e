"""The HTTP side of the model server."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from foldline.errors import FoldlineError, ServingError
from foldline.predictor import Predictor
from foldline.serving.server import protocols

MOST_BODY_BYTES = 16 * 2**20
VERSION_HEADER = "x-foldline-model-version"

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
Receive = Callable[[], Awaitable[Message]]
App = Callable[[Message, Receive, Send], Awaitable[None]]


def build_app(predictor: Predictor, *, name: str, version: str) -> App:
    """The server's ASGI application for one loaded model.

    The client's faults are 4xx with the reason as `{"error": …}`; a prediction that is not finite is a 500.
    """
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    columns = predictor.model.signature
    described = protocols.metadata(predictor.model, name=name, version=version)

    @app.get("/v2/health/live")
    async def live() -> JSONResponse:
        return JSONResponse({"live": True})

    @app.get("/v2/health/ready")
    async def ready() -> JSONResponse:
        return JSONResponse({"ready": True})

    @app.get("/v1/models/{asked}")
    async def status(asked: str) -> JSONResponse:
        available = {"version": version, "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
        return _of(asked, name, {"name": name, "ready": True, "model_version_status": [available]})

    @app.get("/v2/models/{asked}")
    async def model(asked: str) -> JSONResponse:
        return _of(asked, name, described)

    @app.get("/v2/models/{asked}/ready")
    async def model_ready(asked: str) -> JSONResponse:
        return _of(asked, name, {"name": name, "ready": True})

    @app.post("/v1/models/{asked}:predict")
    async def predict(asked: str, request: Request) -> JSONResponse:
        def work(body: bytes) -> dict[str, Any]:
            tensors = protocols.tensors_of_v1(protocols.parse(body), columns)
            return protocols.answer_of_v1(predictor.predict(tensors))

        return await _answer(asked, name, request, work)

    @app.post("/v2/models/{asked}/infer")
    async def infer(asked: str, request: Request) -> JSONResponse:
        def work(body: bytes) -> dict[str, Any]:
            content = protocols.parse(body)
            predictions = predictor.predict(protocols.tensors_of_v2(content, columns))
            return protocols.answer_of_v2(predictions, name=name, version=version, request=content)

        return await _answer(asked, name, request, work)

    return _with_header(app, version)


async def _answer(asked: str, name: str, request: Request, work: Callable[[bytes], dict[str, Any]]) -> JSONResponse:
    if asked != name:
        return _of(asked, name, {})
    body = await _body(request)
    if body is None:
        return JSONResponse({"error": f"request body: expected at most {MOST_BODY_BYTES} bytes, got more."}, 413)
    try:
        return JSONResponse(await run_in_threadpool(work, body))
    except ServingError as fault:
        return JSONResponse({"error": str(fault)}, 500)
    except FoldlineError as fault:
        return JSONResponse({"error": str(fault)}, 400)


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


def _of(asked: str, name: str, content: dict[str, Any]) -> JSONResponse:
    if asked != name:
        return JSONResponse({"error": f"model: expected {name!r}, got {asked!r}."}, 404)
    return JSONResponse(content)


def _with_header(app: App, version: str) -> App:
    header = (VERSION_HEADER.encode(), version.encode())

    async def wrapped(scope: Message, receive: Receive, send: Send) -> None:
        async def send_with_header(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), header]
            await send(message)

        await app(scope, receive, send_with_header)

    return wrapped
