"""A model server of a few lines for pods of tests: answers and faults come from `model.json` in the model's folder."""

import itertools
import json
import random
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

OPTIONS = dict(one.removeprefix("--").split("=", 1) for one in sys.argv[1:])
FOLDER = Path(OPTIONS["model-dir"])
STARTED = time.time()
MODEL = {
    "version": "none",
    "err": 0.0,
    "refuse": 0.0,
    "delay_ms": 0.0,
    # Share of the answers that the delay holds up.
    "slow": 1.0,
    "outputs": "good",
    **json.loads((FOLDER / "model.json").read_text()),
}
# A prediction from a number that is evenly distributed from 0 to 1; mostly small ones are good.
OUTPUTS = {
    "good": lambda number: number**2,
    "flipped": lambda number: 1.0 - number**2,
    "constant": lambda _: 0.3,
    "null": lambda number: None if number < 0.3 else number**2,
}
# KServe takes double braces for its own.
OPEN, CLOSE = "{", "}"
EDGES = [step / 20 for step in range(1, 21)]
COUNTED = {"invalid": 0, "sum": 0.0, "bins": [0] * (len(EDGES) + 1)}
COUNTING = threading.Lock()


def count(value: float | None) -> None:
    with COUNTING:
        if value is None:
            COUNTED["invalid"] += 1
        else:
            COUNTED["sum"] += value
            COUNTED["bins"][sum(value > edge for edge in EDGES)] += 1


def metrics() -> str:
    """As the model server writes them."""
    with COUNTING:
        invalid, total, below = COUNTED["invalid"], COUNTED["sum"], list(itertools.accumulate(COUNTED["bins"]))
    edges = zip([*map(str, EDGES), "+Inf"], below, strict=True)
    lines = [
        "# TYPE foldline_invalid_outputs_total counter",
        f'foldline_invalid_outputs_total{OPEN}reason="not_finite"{CLOSE} {invalid}',
        "# TYPE foldline_predictions histogram",
        *(f'foldline_predictions_bucket{OPEN}le="{edge}"{CLOSE} {number}' for edge, number in edges),
        f"foldline_predictions_sum {total}",
        f"foldline_predictions_count {below[-1]}",
        "# TYPE process_start_time_seconds gauge",
        f"process_start_time_seconds {STARTED}",
    ]
    return "\n".join([*lines, ""])


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True

    def log_message(self, *_: object) -> None:
        pass

    def answer(self, status: int, content: object) -> None:
        self.text(status, "application/json", json.dumps(content))

    def text(self, status: int, kind: str, content: str) -> None:
        text = content.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(text)))
        self.send_header("x-foldline-model-version", MODEL["version"])
        self.end_headers()
        self.wfile.write(text)

    def do_GET(self) -> None:
        if self.path == "/metrics":
            self.text(200, "text/plain", metrics())
        else:
            self.answer(200 if self.path.startswith("/v2/health/") else 404, {"ready": True})

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if random.random() < MODEL["slow"]:
            time.sleep(MODEL["delay_ms"] / 1000)
        if self.path != f"/v1/models/{OPTIONS['model']}:predict":
            self.answer(404, {"error": self.path})
        elif random.random() < MODEL["err"]:
            self.answer(500, {"error": "fault"})
        elif random.random() < MODEL["refuse"]:
            self.answer(400, {"error": "no such column"})
        else:
            value = OUTPUTS[MODEL["outputs"]](random.random())
            count(value)
            self.answer(200, {"predictions": [value]})


class Server(ThreadingHTTPServer):
    request_queue_size = 128


if __name__ == "__main__":
    if "exit" in MODEL:
        sys.exit(f"{FOLDER}: torn")
    eaten = b"x" * (int(MODEL.get("eat_mb", 0)) << 20)
    time.sleep(MODEL.get("load_s", 0.0))
    serving = Server(("", int(OPTIONS["port"])), Handler)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=serving.shutdown).start())
    serving.serve_forever()
    # For the requests that it has.
    time.sleep(2 * MODEL["delay_ms"] / 1000)
