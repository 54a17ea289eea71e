"""`python -m foldline.serving.server --store URI --model NAME` or `--model-dir PATH`."""

import argparse
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import uvicorn

from foldline.artifacts import Model
from foldline.errors import FoldlineError, StoreError
from foldline.store import CHAMPION, open_store, version_of

DRAIN_S = 30


def main(arguments: Sequence[str] | None = None) -> int:
    """Load the model, warm it up, then listen until SIGTERM or SIGINT; requests under way are answered first."""
    parser = argparse.ArgumentParser(
        prog="python -m foldline.serving.server", description="Serves one version of a model over HTTP (V1 and V2)."
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--store", metavar="URI", help="model store: folder, s3://bucket/prefix or minio://…")
    source.add_argument("--model-dir", metavar="PATH", help="folder of an exported model")
    parser.add_argument("--model", metavar="NAME", help="name of the model in the store and in the server's addresses")
    parser.add_argument("--alias", default=CHAMPION, metavar="NAME", help="alias in the store (default: %(default)s)")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8501, help="0 takes any free port (default: %(default)s)")
    chosen = parser.parse_args(arguments)
    if not chosen.model:
        parser.error("--model is missing: the name under which the model is served")
    signal.signal(signal.SIGTERM, _end)
    signal.signal(signal.SIGINT, _end)
    try:
        path = Path(chosen.model_dir) if chosen.model_dir else _from_store(chosen.store, chosen.model, chosen.alias)
        model = Model.read(path)
        # After the arguments and the artifact are checked: TensorFlow takes seconds to import.
        from foldline.predictor import Predictor
        from foldline.serving.server.app import build_app

        predictor = Predictor(model)
        predictor.warm_up()
    except FoldlineError as fault:
        print(fault, file=sys.stderr)
        return 1
    app = build_app(predictor, name=chosen.model, version=version_of(model.digest))
    with socket.socket(socket.AF_INET6 if ":" in chosen.host else socket.AF_INET) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((chosen.host, chosen.port))
        except OSError as fault:
            print(f"port {chosen.port}: expected a free port, got {fault.strerror}.", file=sys.stderr)
            return 1
        listener.listen()
        host = f"[{chosen.host}]" if ":" in chosen.host else chosen.host
        print(f"listening on http://{host}:{listener.getsockname()[1]}", flush=True)
        config = uvicorn.Config(app, access_log=False, log_level="warning", timeout_graceful_shutdown=DRAIN_S)
        uvicorn.Server(config).run(sockets=[listener])
    return 0


def _from_store(uri: str, name: str, alias: str) -> Path:
    store = open_store(uri)
    version = store.alias(name, alias)
    if version is None:
        raise StoreError(
            f"alias {alias} of model {name} in {uri}",
            expected="a registered version",
            got="an alias that was never set",
            fix="Run train_and_serve first.",
        )
    return store.fetch(name, version)


def _end(*_: object) -> NoReturn:
    # The server itself hands the signal on when it has drained.
    sys.exit(0)


if __name__ == "__main__":
    sys.exit(main())
