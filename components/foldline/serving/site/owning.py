"""Who makes a site and ends it: a command for as long as it runs, or a task where no command serves the model."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from foldline.errors import ServingError
from foldline.serving.site import processes
from foldline.serving.site.model_server import Program
from foldline.serving.site.router import Router
from foldline.serving.site.site import Site
from foldline.serving.site.state import COMMAND, TASK, State, held, read, write

REQUEST_TIMEOUT_S = 30.0


def begin(folder: Path, asked: State, champion: Program | None, timeout_s: float) -> Site:
    """Make the site that `asked` describes, with the champion alone, or take up what its owner left of such a one.

    Args:
        asked: from `description`.
        timeout_s: seconds until the champion's server must be ready.

    Raises:
        ServingError: its owner still runs; the port is taken; the server or Envoy does not start.
    """
    site = Site(folder)
    with held(site.folder):
        found = read(site.folder)
        if found is not None and processes.runs(found.owner) and found.owner != asked.owner:
            raise ServingError(
                f"site of model {asked.model_name}",
                expected="none that somebody else runs",
                got=f"one of {found.owner_kind} with pid {found.owner.pid} on {found.host}:{found.port}",
                fix="End that process first, or use what it serves.",
            )
        if found is not None and _is_as_asked(site, found, asked, champion):
            write(site.folder, replace(found, owner=asked.owner, owner_kind=asked.owner_kind))
            return site
        site.clear()
        write(site.folder, asked)
    try:
        site.serve(champion, timeout_s)
    except BaseException:
        site.end()
        raise
    return site


def description(
    model_name: str,
    store_uri: str,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    kind: str = TASK,
    request_timeout_s: float = REQUEST_TIMEOUT_S,
) -> State:
    """A site that this process owns and that has no server yet."""
    return State(model_name, store_uri, host, port, processes.this(), kind, request_timeout_s)


@contextmanager
def serving(
    folder: Path, model_name: str, store_uri: str, champion: Program | None, timeout_s: float, *, challenger: str = ""
) -> Iterator[Site]:
    """The site in which `foldline serve` serves the model; where none does, one that lasts as long as the block.

    What a task that was killed left is taken up where it serves the champion, and ended where it does not.

    Args:
        challenger: version that may be the site's champion by now, where a rollout is gone on with.

    Raises:
        ServingError: as `begin`; or the command serves another version than the champion.
    """
    if is_served(folder):
        site = Site(folder)
        state = site.state()
        arm = state.arm(state.champion)
        if arm is None or champion is None or arm.version not in (champion.version, challenger):
            raise ServingError(
                f"site of model {model_name}",
                expected=f"version {champion.version if champion else 'none'}, the store's champion, served",
                got=f"version {arm.version if arm else 'none'} served by {COMMAND} with pid {state.owner.pid}",
                fix=f"End `{COMMAND}` and start it again.",
            )
        yield site
        return
    site = begin(folder, description(model_name, store_uri), champion, timeout_s)
    try:
        yield site
    finally:
        site.end()


def is_served(folder: Path) -> bool:
    """Whether a command serves here, or left an Envoy that still does."""
    found = read(folder)
    return found is not None and found.owner_kind == COMMAND and Router(folder, found.envoy).runs()


def _is_as_asked(site: Site, found: State, asked: State, champion: Program | None) -> bool:
    arm = found.arm(found.champion)
    if arm is not None and champion is not None:
        serves = arm.version == champion.version and site.server(arm).runs()
    else:
        serves = arm is None and champion is None
    same = (found.host, found.request_timeout_s) == (asked.host, asked.request_timeout_s)
    same = same and asked.port in (0, found.port)
    return serves and same and Router(site.folder, found.envoy).runs()
