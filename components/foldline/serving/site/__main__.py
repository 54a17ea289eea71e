"""`python -m foldline.serving.site serve|rollback --store URI --model NAME`."""

import argparse
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from foldline.errors import FoldlineError, ServingError, StoreError
from foldline.serving.deploy_canary.backends.local.split import LocalSplit
from foldline.serving.site.model_server import Program, program
from foldline.serving.site.owning import begin, description
from foldline.serving.site.site import Site
from foldline.serving.site.state import COMMAND, default_folder, read
from foldline.store import CHAMPION, Store, open_store

START_S = 600.0
WATCH_S = 0.5
MOST_REVIVALS = 3


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m foldline.serving.site", description="Serves a model's champion on this machine."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    serving = commands.add_parser("serve", help="serve the champion until the command is stopped")
    back = commands.add_parser("rollback", help="let champion name the version before, and serve that one")
    for command in (serving, back):
        command.add_argument("--store", required=True, metavar="URI", help="folder, s3://bucket/prefix or minio://…")
        command.add_argument("--model", required=True, metavar="NAME", help="name of the model in the store")
    serving.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    serving.add_argument("--log-to", default="", metavar="FOLDER|URL", help="logs requests and answers as CloudEvents")
    serving.add_argument("--port", type=int, default=8501, help="0 takes any free port (default: %(default)s)")
    chosen = parser.parse_args(arguments)
    try:
        store = open_store(chosen.store)
        folder = default_folder(store.uri, chosen.model)
        if chosen.command == "serve":
            serve(folder, store, chosen.model, chosen.host, chosen.port, chosen.log_to)
        else:
            rollback(folder, store, chosen.model)
    except FoldlineError as fault:
        print(fault, file=sys.stderr)
        return 1
    return 0


def serve(folder: Path, store: Store, model_name: str, host: str, port: int, log_to: str = "") -> NoReturn:
    """Serve the champion until SIGTERM or SIGINT; requests under way are answered first.

    Rollouts and rollbacks change meanwhile which version that is. An Envoy that ended is started again.

    Raises:
        StoreError: there is no champion.
        ServingError: the model is served already, the port is taken, or what serves it ended.
    """
    version = store.alias(model_name, CHAMPION)
    if version is None:
        raise StoreError(
            f"alias {CHAMPION} of model {model_name} in {store.uri}",
            expected="a registered version",
            got="an alias that was never set",
            fix="Run train_and_serve first.",
        )
    path = store.fetch(model_name, version)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end)
    asked = description(model_name, store.uri, host=_numbers(host), port=port, kind=COMMAND)
    log_to = str(Path(log_to).absolute()) if log_to and "://" not in log_to else log_to
    site = begin(folder, asked, program(version, path, model_name, log_to=log_to), START_S)
    try:
        shown = f"[{host}]" if ":" in host else host
        print(f"listening on http://{shown}:{site.state().port}: version {version} of {model_name}", flush=True)
        watch(site, lambda line: print(line, file=sys.stderr, flush=True))
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            # A second one must not break off the clean-up.
            signal.signal(number, signal.SIG_IGN)
        site.end()


def watch(site: Site, say: Callable[[str], None], sleep: Callable[[float], None] = time.sleep) -> NoReturn:
    """Keep the site serving.

    Raises:
        ServingError: the champion's server ended, or Envoy did so again and again.
    """
    revivals = 0
    while True:
        sleep(WATCH_S)
        state, router = site.state(), site.router()
        champion = state.arm(state.champion)
        if champion is not None and not site.server(champion).runs() and site.state() == state:
            raise site.server(champion).gone()
        if not router.runs():
            if revivals == MOST_REVIVALS:
                raise router.gone()
            words = router.last_words()
            if site.revive():
                revivals += 1
                say(f"Envoy had ended and was started again; {words}")


def rollback(folder: Path, store: Store, model_name: str) -> None:
    """Move the alias back, and let the site serve what it names then.

    Raises:
        StoreError: the alias never named another version.
        ServingError: a rollout is under way (then nothing was moved), or the version before cannot be served.
    """
    found = read(folder)
    if found is not None and found.challenger is not None:
        raise ServingError(
            f"site of model {model_name}",
            expected="no rollout under way",
            got=f"version {found.arms[found.challenger].version} beside the champion",
            fix="Let the rollout end, or run it again where it was broken off.",
        )
    before, after = store.rollback(model_name)
    print(f"{CHAMPION} of {model_name}: {before} -> {after}", flush=True)
    if found is None:
        return
    try:
        switch(Site(folder), program(after, store.fetch(model_name, after), model_name))
    except ServingError as fault:
        raise ServingError(
            f"site of model {model_name}",
            expected=f"version {after}, which {CHAMPION} names again",
            got=f"what it served before: {fault}",
            fix="End `foldline serve` and start it again.",
        ) from None
    print(f"{after} is served now", flush=True)


def switch(site: Site, wanted: Program) -> None:
    """Let the site serve another version, without an unanswered request."""
    split = LocalSplit(site, wanted, timeout_s=START_S)
    try:
        split.promote()
    except ServingError:
        split.revert()
        raise
    split.settle()


def _numbers(host: str) -> str:
    """The host as Envoy takes it, which knows no names."""
    try:
        return str(socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)[0][4][0])
    except OSError as fault:
        raise ServingError(f"host {host}", expected="an address of this machine", got=str(fault.strerror)) from None


def _end(*_: object) -> NoReturn:
    sys.exit(0)


if __name__ == "__main__":
    sys.exit(main())
