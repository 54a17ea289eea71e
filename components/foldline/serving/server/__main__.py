"""`python -m foldline.serving.server --store URI --model NAME` or `--model-dir PATH`."""

import argparse
import gc
import math
import os
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from foldline.artifacts import Model
from foldline.errors import FoldlineError, StoreError
from foldline.serving.server.app import build_app
from foldline.serving.server.batching import Predict
from foldline.serving.server.events import About
from foldline.serving.server.listening import ModelServer, listen, say
from foldline.serving.server.protocols import MOST_ROWS
from foldline.serving.server.request_log import RequestLog
from foldline.serving.server.served import Batching, Served
from foldline.serving.server.sinks import open_sink
from foldline.store import CHAMPION, open_store, version_of

# Where Kubernetes tells a pod its namespace.
NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT: 0. A model or an address that cannot be served: 1."""
    chosen = _parsed(arguments)
    signal.signal(signal.SIGTERM, _end)
    signal.signal(signal.SIGINT, _end)
    try:
        path = Path(chosen.model_dir) if chosen.model_dir else _from_store(chosen.store, chosen.model, chosen.alias)
        model = Model.read(path)
        served = Served(model, name=chosen.model, version=version_of(model.digest))
        log = _request_log(served, chosen.log_to, chosen.log_sample) if chosen.log_to else None
        listener = listen(chosen.host, chosen.port)
    except FoldlineError as fault:
        say(fault)
        return 1
    host = f"[{chosen.host}]" if ":" in chosen.host else chosen.host
    print(f"listening on http://{host}:{listener.getsockname()[1]}", flush=True)
    server = ModelServer(
        build_app(served, log),
        served,
        lambda: _load(model),
        batching=Batching(int(chosen.batch_rows), chosen.batch_wait_ms / 1000.0),
        drain_s=chosen.drain_s,
    )
    is_over = server.serve_on(listener)
    if log is not None:
        log.close()
    if server.fault is not None:
        say(server.fault)
    code = 0 if server.fault is None else 1
    if not is_over:
        # TensorFlow works on another thread, which nothing can end in order.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    return code


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
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
    parser.add_argument(
        "--batch-rows",
        type=_from_to(1, MOST_ROWS),
        default=1024,
        metavar="N",
        help="most rows of one call of the model that are gathered from several requests (default: 1024)",
    )
    parser.add_argument(
        "--batch-wait-ms",
        type=_from_to(0, 60_000),
        default=0.0,
        metavar="MS",
        help="how long a call waits for more requests; 0 takes those that came while the model was busy (default: 0)",
    )
    parser.add_argument(
        "--drain-s",
        type=_from_to(0, 3600),
        default=1.0,
        metavar="S",
        help="after SIGTERM: seconds in which it says that it is not ready and still answers (default: 1)",
    )
    parser.add_argument(
        "--log-to", metavar="FOLDER|URL", help="logs requests and answers as CloudEvents: JSON lines, or POSTs"
    )
    parser.add_argument(
        "--log-sample",
        type=_from_to(0, 1),
        default=1.0,
        metavar="F",
        help="fraction of the requests in the log (default: 1)",
    )
    chosen = parser.parse_args(arguments)
    if not chosen.model:
        parser.error("--model is missing: the name under which the model is served")
    return chosen


def _from_to(least: float, most: float) -> Callable[[str], float]:
    def number(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"must be a number from {least:g} to {most:g}, got {text!r}")
        return value

    return number


def _load(model: Model) -> Predict:
    # The server listens already: TensorFlow takes seconds to import.
    from foldline.predictor import Predictor

    predictor = Predictor(model)
    predictor.warm_up()
    # What TensorFlow has made lives as long as the process. Each full collection would go through it: 0.2 s without an
    # answer.
    gc.collect()
    gc.freeze()
    return predictor.predict


def _request_log(served: Served, place: str, fraction: float) -> RequestLog:
    about = About(
        source=f"//{socket.gethostname()}/v1/models/{served.name}",
        model_name=served.name,
        model_version=served.version,
        namespace=NAMESPACE.read_text().strip() if NAMESPACE.exists() else "",
    )
    sink = open_sink(place, f"{served.name}-{served.version}")
    return RequestLog(sink, about, fraction=fraction, metrics=served.metrics)


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
    # Only until the server listens.
    sys.exit(0)


if __name__ == "__main__":
    sys.exit(main())
