"""A model server on this machine without a site: gone when the check is over."""

import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from foldline.serving.deploy_canary.smoke import Answer
from foldline.serving.site import processes
from foldline.serving.site.model_server import END_S, ModelServer, program


class LocalBackend:
    """Serves the challenger beside the task; nothing serves after it."""

    def __init__(self, model: Path, name: str) -> None:
        self._model, self._name = model, name

    def challenger(self) -> "LocalServer":
        return LocalServer(self._model, self._name)

    def champion(self) -> None:
        return None


class LocalServer:
    """The model server for the model in one folder; a context that ends it."""

    def __init__(self, model: Path, name: str) -> None:
        self._folder = tempfile.TemporaryDirectory()
        folder = Path(self._folder.name)
        process = processes.start(program("", model, name).command, folder=folder, log=folder / "log")
        self._server = ModelServer(process, folder / "log", name)

    @property
    def pid(self) -> int:
        return self._server.process.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        processes.end(self._server.process, END_S)
        self._folder.cleanup()

    def wait_ready(self, timeout_s: float) -> float:
        return self._server.wait_ready(timeout_s)

    def predict(self, instances: list[dict[str, Any]]) -> Answer:
        return self._server.predict(instances)

    def described(self) -> dict[str, Any]:
        return {}
