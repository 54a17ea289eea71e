"""A model server in little, with faults: `python arm.py VERSION [FAULT ...]`; nothing but the standard library.

It says where it listens as the model server does, answers each request with its version, and counts them.
"""

import argparse
import json
import random
import socketserver
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("version")
    parser.add_argument("--errors", type=float, default=0.0, help="share of answers that are 500")
    parser.add_argument("--burst", default="0:0", help="FIRST:LAST: also these requests, by number")
    parser.add_argument("--broken-by", default="", help="a file: all answers are 500 as long as it is there")
    parser.add_argument("--refuse", type=float, default=0.0, help="share of answers that are 400")
    parser.add_argument("--delay-ms", type=float, default=0.0)
    parser.add_argument("--slow", type=float, default=1.0, help="share of answers that the delay holds up")
    parser.add_argument("--load-s", type=float, default=0.0, help="seconds until it says where it listens")
    parser.add_argument("--hang", action="store_true", help="answer health checks only")
    parser.add_argument("--invalid", type=int, default=None, help="say so many invalid outputs in /metrics")
    parser.add_argument("--outputs", choices=OUTPUTS, help="what is predicted, and counted in /metrics")
    chosen = parser.parse_args()
    chance = random.Random(0)
    seen: list[str] = []
    counted = Outputs()
    first, last = map(int, chosen.burst.split(":"))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if self.path == "/v2/health/ready":
                self.answer(200, {"ready": True})
            elif self.path == "/seen":
                self.answer(200, seen)
            elif self.path == "/metrics" and chosen.outputs is not None:
                self.answer(200, counted.text())
            elif self.path == "/metrics" and chosen.invalid is not None:
                self.answer(200, metrics(chosen.invalid, 2.0, [3, 4, 4], ["0.5", "1.0", "+Inf"]))
            else:
                self.answer(404, {})

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            seen.append(self.headers.get("x-request-id", ""))
            number = len(seen)
            if chosen.hang:
                time.sleep(3600)
            if chance.random() < chosen.slow:
                time.sleep(chosen.delay_ms / 1000)
            broken = bool(chosen.broken_by) and Path(chosen.broken_by).exists()
            if broken or chance.random() < chosen.errors or first < number <= last:
                self.answer(500, {"error": "fault"})
            elif chance.random() < chosen.refuse:
                self.answer(400, {"error": "no such column"})
            else:
                value = OUTPUTS[chosen.outputs or "good"](chance.random())
                counted.add(value)
                self.answer(200, {"predictions": [value]})

        def answer(self, status: int, content: object) -> None:
            body = content.encode() if isinstance(content, str) else json.dumps(content).encode()
            head = [
                f"HTTP/1.1 {status} {'OK' if status == 200 else 'Fault'}",
                f"content-length: {len(body)}",
                f"x-foldline-model-version: {chosen.version}",
            ]
            # One write: the second of two small ones would wait for the client's acknowledgement.
            self.wfile.write("\r\n".join([*head, "", ""]).encode() + body)

        def log_message(self, *_: object) -> None:
            pass

    class Server(socketserver.ThreadingMixIn, HTTPServer):
        daemon_threads = True
        request_queue_size = 128

    server = Server(("127.0.0.1", 0), Handler)
    time.sleep(chosen.load_s)
    print(f"listening on http://127.0.0.1:{server.server_address[1]}", flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    threading.Event().wait()


# A prediction from a number that is evenly distributed from 0 to 1; mostly small ones are good.
OUTPUTS: dict[str, Callable[[float], float | None]] = {
    "good": lambda number: number**2,
    "flipped": lambda number: 1.0 - number**2,
    "constant": lambda _: 0.3,
    "null": lambda number: None if number < 0.3 else number**2,
}


class Outputs:
    """Predictions that were given, counted as the model server does: `null` is invalid."""

    def __init__(self) -> None:
        self._values: list[float | None] = []

    def add(self, value: float | None) -> None:
        self._values.append(value)

    def text(self) -> str:
        values = list(self._values)
        given = [value for value in values if value is not None]
        edges = [step / 20 for step in range(1, 21)]
        below = [sum(value <= edge for value in given) for edge in edges]
        return metrics(len(values) - len(given), sum(given), [*below, len(given)], [*map(str, edges), "+Inf"])


def metrics(invalid: int, total: float, below: list[int], edges: list[str]) -> str:
    """As the model server writes them."""
    buckets = "".join(
        f'foldline_predictions_bucket{{le="{edge}"}} {count}\n' for edge, count in zip(edges, below, strict=True)
    )
    return (
        "# TYPE foldline_invalid_outputs_total counter\n"
        f"foldline_invalid_outputs_total {invalid}\n"
        f"# TYPE foldline_predictions histogram\n{buckets}"
        f"foldline_predictions_sum {total}\nfoldline_predictions_count {below[-1]}\n"
    )


if __name__ == "__main__":
    main()
