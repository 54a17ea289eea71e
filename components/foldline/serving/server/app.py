"""The HTTP side of the model server."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

from foldline.serving.server import metrics, protocols
from foldline.serving.server.answering import Answering
from foldline.serving.server.request_log import RequestLog
from foldline.serving.server.served import ENDING, READY, Served

VERSION_HEADER = "x-foldline-model-version"

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
Receive = Callable[[], Awaitable[Message]]
App = Callable[[Message, Receive, Send], Awaitable[None]]
# What protocol V1 calls the states.
V1_STATES = {READY: "AVAILABLE", ENDING: "UNLOADING"}


def build_app(served: Served, log: RequestLog | None = None) -> App:
    """The server's ASGI application for one model, which may still be loading.

    The client's faults are 4xx with the reason as `{"error": …}`; an output that is no prediction is a 500; a model
    that is not loaded yet is a 503.
    """
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    name, version = served.name, served.version
    described = protocols.metadata(served.model, name=name, version=version)
    answering = Answering(served, log)

    def readiness(content: dict[str, Any]) -> JSONResponse:
        ready = served.state == READY
        reason = {} if ready else {"reason": served.state}
        return JSONResponse(content | {"ready": ready} | reason, 200 if ready else 503)

    def of(request: Request, found: Callable[[], JSONResponse]) -> JSONResponse:
        asked = request.path_params["asked"]
        return found() if asked == name else JSONResponse({"error": protocols.another_model(name, asked)}, 404)

    async def live(_: Request) -> JSONResponse:
        return JSONResponse({"live": True})

    async def ready(_: Request) -> JSONResponse:
        return readiness({})

    async def status(request: Request) -> JSONResponse:
        state = V1_STATES.get(served.state, "LOADING")
        available = {"version": version, "state": state, "status": {"error_code": "OK", "error_message": ""}}
        return of(request, lambda: readiness({"name": name, "model_version_status": [available]}))

    async def model(request: Request) -> JSONResponse:
        return of(request, lambda: JSONResponse(described))

    async def model_ready(request: Request) -> JSONResponse:
        return of(request, lambda: readiness({"name": name}))

    async def measured(_: Request) -> Response:
        return Response(served.metrics.text(), media_type=metrics.CONTENT_TYPE)

    async def answers(request: Request) -> JSONResponse:
        # What came by way of a router comes from users, whom the answers to others do not concern.
        number = request.query_params.get("after", "0")
        if "x-forwarded-for" in request.headers or not number.isdecimal():
            return JSONResponse({"detail": "Not Found"}, 404)
        return JSONResponse(served.recent.after(int(number)))

    app.add_route("/v1/models/{asked}:predict", answering.v1, ["POST"])
    app.add_route("/v2/models/{asked}/infer", answering.v2, ["POST"])
    for path, endpoint in (
        ("/v2/health/live", live),
        ("/v2/health/ready", ready),
        ("/v1/models/{asked}", status),
        ("/v2/models/{asked}", model),
        ("/v2/models/{asked}/ready", model_ready),
        ("/metrics", measured),
        ("/answers", answers),
    ):
        app.add_route(path, endpoint, ["GET"])
    return _with_headers(app, served)


def _with_headers(app: App, served: Served) -> App:
    version = (VERSION_HEADER.encode(), served.version.encode())
    # A connection that stays open would bring its next request when nobody answers it.
    close = (b"connection", b"close")

    async def wrapped(scope: Message, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), version]
                if served.state == ENDING:
                    message["headers"].append(close)
            await send(message)

        await app(scope, receive, send_with_headers)

    return wrapped
