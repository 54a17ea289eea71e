"""A model server of a few lines for pods of tests: answers and faults come from `model.json` in the model's folder."""

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
    **json.loads((FOLDER / "model.json").read_text()),
}

# No double braces: KServe takes them for its own.
METRICS = """# TYPE foldline_invalid_outputs_total counter
foldline_invalid_outputs_total{reason="not_finite"} 0
# TYPE process_start_time_seconds gauge
process_start_time_seconds """


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
            self.text(200, "text/plain", f"{METRICS}{STARTED}\n")
        else:
            self.answer(200 if self.path.startswith("/v2/health/") else 404, {"ready": True})

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        time.sleep(MODEL["delay_ms"] / 1000)
        if self.path != f"/v1/models/{OPTIONS['model']}:predict":
            self.answer(404, {"error": self.path})
        elif random.random() < MODEL["err"]:
            self.answer(500, {"error": "fault"})
        elif random.random() < MODEL["refuse"]:
            self.answer(400, {"error": "no such column"})
        else:
            self.answer(200, {"predictions": [0.5]})


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
