"""A model server in little, with faults: `python arm.py VERSION [FAULT ...]`; nothing but the standard library.

It says where it listens as the model server does, answers each request with its version, and counts them.
"""

import argparse
import json
import random
import socketserver
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("version")
    parser.add_argument("--errors", type=float, default=0.0, help="share of answers that are 500")
    parser.add_argument("--delay-ms", type=float, default=0.0)
    parser.add_argument("--hang", action="store_true", help="answer health checks only")
    parser.add_argument("--invalid", type=int, default=None, help="say so many invalid outputs in /metrics")
    chosen = parser.parse_args()
    chance = random.Random(0)
    seen: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if self.path == "/v2/health/ready":
                self.answer(200, {"ready": True})
            elif self.path == "/seen":
                self.answer(200, seen)
            elif self.path == "/metrics" and chosen.invalid is not None:
                self.answer(200, metrics(chosen.invalid))
            else:
                self.answer(404, {})

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            seen.append(self.headers.get("x-request-id", ""))
            if chosen.hang:
                time.sleep(3600)
            time.sleep(chosen.delay_ms / 1000)
            failed = chance.random() < chosen.errors
            self.answer(500 if failed else 200, {"predictions": [0.5]})

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
    print(f"listening on http://127.0.0.1:{server.server_address[1]}", flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    threading.Event().wait()


def metrics(invalid: int) -> str:
    """As the model server writes them."""
    buckets = "".join(
        f'foldline_predictions_bucket{{le="{edge}"}} {count}\n' for edge, count in [("0.5", 3), ("1.0", 4), ("+Inf", 4)]
    )
    return (
        "# TYPE foldline_invalid_outputs_total counter\n"
        f"foldline_invalid_outputs_total {invalid}\n"
        f"# TYPE foldline_predictions histogram\n{buckets}"
        "foldline_predictions_sum 2.0\nfoldline_predictions_count 4\n"
    )


if __name__ == "__main__":
    main()
