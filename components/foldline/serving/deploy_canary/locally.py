"""This machine as a place for rollouts: a site with Envoy, and a folder that remembers them."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from foldline.serving.deploy_canary.backends.backend import Split
from foldline.serving.deploy_canary.backends.local.split import LocalSplit
from foldline.serving.deploy_canary.keeping.file import FileKeeper
from foldline.serving.deploy_canary.rolling_out import Place
from foldline.serving.site.model_server import Program, program
from foldline.serving.site.owning import is_served, serving
from foldline.serving.site.replay import Replay
from foldline.serving.site.site import Site
from foldline.serving.site.state import default_folder
from foldline.store import Store


def local_place(
    store: Store,
    model_name: str,
    timeout_s: float,
    traffic: Callable[[Site], AbstractContextManager[None]],
    *,
    log_to: str = "",
) -> Place:
    """The site of the model of this store.

    Args:
        timeout_s: seconds until a server must be ready.
        traffic: a block in which requests are sent to a site.
        log_to: folder for the request logs of the servers that a rollout starts; empty for none.
    """
    folder = default_folder(store.uri, model_name)

    @contextmanager
    def served(challenger: str, champion: str) -> Iterator[Split]:
        def served_by(version: str) -> Program:
            folder = str(Path(log_to).absolute()) if log_to else ""
            return program(version, store.fetch(model_name, version), model_name, log_to=folder)

        beside = served_by(champion) if champion else None
        with serving(folder, model_name, store.uri, beside, timeout_s, challenger=challenger) as site:
            wanted = served_by(challenger)
            with traffic(site) if champion else nullcontext():
                yield LocalSplit(site, wanted, timeout_s=timeout_s)

    return Place(FileKeeper(folder), served)


@contextmanager
def replayed(site: Site, rows: list[dict[str, Any]], per_s: float, *, beside_users: bool) -> Iterator[None]:
    """A block in which these rows are sent to the site as requests, round and round.

    Args:
        beside_users: whether also where `foldline serve` serves, which has users of its own.
    """
    if is_served(site.folder) and not beside_users:
        yield
        return
    state = site.state()
    with Replay(*site.address(), state.model_name, rows, per_s):
        yield
