"""KServe: the challenger in an InferenceService of its own, then the model's InferenceService pointed at it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType

from foldline.cluster import Cluster
from foldline.errors import FoldlineError, StoreError
from foldline.serving.deploy_canary.backends import inference_service as form
from foldline.serving.deploy_canary.backends.kserve_server import KServeServer

_Kind = type[BaseException] | None


class KServeBackend:
    """InferenceServices of one model in one namespace.

    Args:
        champion_uri: s3://… of the champion, which is put back where what served before is not known; may be empty.
        is_champion: whether the store's alias names the challenger by now.
        timeout_s: seconds for each wait.
    """

    def __init__(
        self,
        cluster: Cluster,
        namespace: str,
        model_name: str,
        uri: str,
        *,
        champion_uri: str,
        is_champion: Callable[[], bool],
        timeout_s: float,
    ) -> None:
        self._cluster, self._namespace, self._model_name, self._uri = cluster, namespace, model_name, uri
        self._champion_uri, self._is_champion, self._timeout_s = champion_uri, is_champion, timeout_s

    def challenger(self) -> "Challenger":
        server = KServeServer(self._cluster, self._namespace, form.challenger_name(self._model_name), self._uri)
        return Challenger(server, self._timeout_s)

    def champion(self) -> "Champion":
        server = KServeServer(self._cluster, self._namespace, self._model_name, self._uri)
        return Champion(server, self._champion_uri, self._is_champion, self._timeout_s)


class Challenger:
    """The InferenceService `<model>-challenger`: made at the beginning of the block, removed at its end."""

    def __init__(self, server: KServeServer, timeout_s: float) -> None:
        self._server, self._timeout_s = server, timeout_s

    def __enter__(self) -> KServeServer:
        if self._server.find() is not None:
            # A task that was killed left it; its state may be an old one.
            self._server.remove()
            self._server.wait_gone(self._timeout_s)
        with _undone_by(self._server.remove):
            self._server.create(cluster_local=True)
        return self._server

    def __exit__(self, kind: _Kind, fault: BaseException | None, trace: TracebackType | None) -> None:
        with _beside(fault):
            self._server.remove()


class Champion:
    """The InferenceService `<model>`: pointed at the challenger, and back at what it served if the block fails."""

    def __init__(
        self, server: KServeServer, champion_uri: str, is_champion: Callable[[], bool], timeout_s: float
    ) -> None:
        self._server, self._champion_uri, self._is_champion = server, champion_uri, is_champion
        self._timeout_s = timeout_s
        self._earlier = ""

    def __enter__(self) -> KServeServer:
        found = self._server.find()
        if found is not None and found["metadata"].get("deletionTimestamp"):
            self._server.wait_gone(self._timeout_s)
            found = None
        if found is not None:
            # A task that was killed may have pointed it at the challenger already.
            current = form.model_uri(found)
            self._earlier = current if current != self._server.uri else self._champion_uri
        with _undone_by(self._put_back):
            if found is None:
                self._server.create(cluster_local=False)
            else:
                self._server.point_at(self._server.uri)
        return self._server

    def __exit__(self, kind: _Kind, fault: BaseException | None, trace: TracebackType | None) -> None:
        if fault is None:
            return
        with _beside(fault):
            if self._has_moved():
                return
            self._put_back()
            if self._earlier and isinstance(fault, FoldlineError):
                self._server.serving(self._earlier).wait_ready(self._timeout_s)

    def _has_moved(self) -> bool:
        # SIGTERM may come between the move of the alias and the end of the block.
        try:
            return self._is_champion()
        except StoreError:
            return False

    def _put_back(self) -> None:
        if self._earlier:
            self._server.point_at(self._earlier, only_from=self._server.uri)
        else:
            self._server.remove()


@contextmanager
def _undone_by(undo: Callable[[], None]) -> Iterator[None]:
    """A block whose effect is undone where it does not end well: a lost answer, SIGTERM."""
    try:
        yield
    except BaseException as fault:
        with _beside(fault):
            undo()
        raise


@contextmanager
def _beside(fault: BaseException | None) -> Iterator[None]:
    """A block of clean-up; what goes wrong in it is a note on `fault` where there is one."""
    try:
        yield
    except FoldlineError as second:
        if fault is None:
            raise
        fault.add_note(str(second))
