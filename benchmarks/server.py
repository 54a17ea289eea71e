"""Throughput and latency of the model server beside the kserve package's own, with the same SavedModel and requests.

One process each on loopback, asked in turn by `wrk` (Debian package wrk) with a fixed number of connections, each of
which sends its next request when it has its answer. The figures are medians over the rounds. kserve and its TensorFlow
get an environment of their own in the user's cache.
"""

import json
import os
import platform
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from foldline_pipelines.examples.flights import __main__ as example
from foldline_pipelines.local import environments

KSERVE = ("kserve==0.21.0", "kubernetes<37")
PEER = Path(__file__).parent / "peers" / "kserve_server.py"
RESULTS = Path(__file__).parent / "results" / "server.json"
NAME = "flights"
CONNECTIONS = (1, 8, 32)
ROWS = (1, 32)
ROUNDS = 5
SECONDS = 3
READY_S = 120.0
ROW = {
    "month": 7,
    "sched_dep_time": 1545,
    "sched_arr_time": 1819,
    "carrier": "UA",
    "flight": 1545,
    "tailnum": "N14228",
    "origin": "EWR",
    "dest": "IAH",
    "distance": 1400,
    "hour": 15,
    "minute": 45,
    "time_hour": "2013-07-01T19:00:00",
}
# wrk's own units are microseconds.
SCRIPT = """
wrk.method = "POST"
wrk.headers["content-type"] = "application/json"
wrk.body = [[%s]]
function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format('{"requests": %%d, "us": %%d, "p50": %%f, "p99": %%f, "wrong": %%d}\\n', summary.requests,
    summary.duration, latency:percentile(50), latency:percentile(99),
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
"""
DESCRIBE = """
import json, sys
from pathlib import Path
import tensorflow
from foldline.artifacts import Model
from foldline.artifacts.tensor_names import tensor_names
model = Model.read(Path(sys.argv[1]))
names = tensor_names([column.name for column in model.signature])
columns = [[column.name, names[column.name], column.tensor_dtype, column.dtype] for column in model.signature]
print(json.dumps([columns, tensorflow.__version__]))
"""


def trained(folder: Path) -> Path:
    """A model of the flights, trained for one epoch; its folder."""
    environments.make(["flights"], extra=[], say=print)
    store = folder / "models"
    command = [str(Path(sys.executable).with_name("foldline")), "run", "train_and_serve", "--out", str(folder / "run")]
    settings = {"dataset_uri": example.flights(), "store_uri": store, "model_name": NAME, "epochs": 1}
    command += ["--args", str(example.ARGUMENTS)]
    command += [part for name, value in settings.items() for part in ("--set", f"{name}={value}")]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return next((store / NAME / "versions").iterdir())


def peer_interpreter(tensorflow: str) -> Path:
    """Python of an environment with kserve and the same TensorFlow, made where it is missing."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "foldline"
    folder = cache / f"{KSERVE[0].replace('==', '-')}-tensorflow-{tensorflow}"
    python = folder / "bin" / "python"
    if not python.exists():
        print(f"environment {folder.name}: installing")
        uv = [sys.executable, "-m", "uv"]
        subprocess.run([*uv, "venv", "--quiet", "--python", sys.executable, str(folder)], check=True)
        wanted = [*KSERVE, f"tensorflow-cpu=={tensorflow}"]
        try:
            subprocess.run([*uv, "pip", "install", "--quiet", "--python", str(python), *wanted], check=True)
        except subprocess.CalledProcessError:
            shutil.rmtree(folder)
            raise
    return python


@contextmanager
def serving(command: list[str], log: Path) -> Iterator[None]:
    """The server's process; ended at the end."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=output, env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "2"}
        )
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def first_answer(port: int, body: bytes, log: Path) -> list[float]:
    """The predictions for the request, once the server gives them."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}/v1/models/{NAME}:predict", body)
    request.add_header("content-type", "application/json")
    deadline = time.monotonic() + READY_S
    while True:
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return list(json.load(answer)["predictions"])
        except (urllib.error.URLError, ConnectionError, TimeoutError) as fault:
            if time.monotonic() > deadline:
                raise SystemExit(f"{log.name}: expected an answer, got {fault}; {log.read_text()[-500:]}") from None
            time.sleep(0.2)


def load(port: int, script: Path, connections: int) -> dict[str, float]:
    """One round of closed-loop load: requests a second, and p50 and p99 in milliseconds."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{SECONDS}s", "--timeout", "10s", "-s", str(script)]
    command += [f"http://127.0.0.1:{port}/v1/models/{NAME}:predict"]
    ended = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found = json.loads(ended.stdout.strip().splitlines()[-1])
    if found["wrong"]:
        raise SystemExit(f"port {port}: expected answers 200 to all requests, got {found['wrong']} others")
    return {
        "requests_per_s": found["requests"] / found["us"] * 1e6,
        "p50_ms": found["p50"] / 1e3,
        "p99_ms": found["p99"] / 1e3,
    }


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def measured(ports: dict[str, int], script: Path, connections: int) -> dict[str, Any]:
    """Medians of alternating rounds of both servers, and the ratio of their throughputs."""
    rounds: dict[str, list[dict[str, float]]] = {name: [] for name in ports}
    for _ in range(ROUNDS):
        for name, port in ports.items():
            rounds[name].append(load(port, script, connections))
    figures: dict[str, Any] = {
        name: {key: round(statistics.median(one[key] for one in found), 2) for key in found[0]}
        for name, found in rounds.items()
    }
    pairs = zip(rounds["foldline"], rounds["kserve"], strict=True)
    ratio = statistics.median(ours["requests_per_s"] / theirs["requests_per_s"] for ours, theirs in pairs)
    return figures | {"throughput_ratio": round(ratio, 2)}


def main() -> None:
    """Measure, print, and write the figures to JSON."""
    if shutil.which("wrk") is None:
        raise SystemExit("wrk: expected on PATH, got none. Install the Debian package wrk.")
    busy = round(os.getloadavg()[0], 1)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        version = trained(folder)
        server = str(environments.interpreter("server"))
        described = subprocess.run([server, "-c", DESCRIBE, str(version)], check=True, stdout=subprocess.PIPE)
        columns, tensorflow = json.loads(described.stdout)
        ports = {"foldline": free_port(), "kserve": free_port()}
        logs = {name: folder / f"{name}.log" for name in ports}
        ours = [server, "-m", "foldline.serving.server", "--model-dir", str(version), "--model", NAME]
        ours += ["--port", str(ports["foldline"])]
        theirs = [str(peer_interpreter(tensorflow)), str(PEER), str(version / "1"), NAME, str(ports["kserve"])]
        theirs += [json.dumps(columns)]
        cells = []
        with serving(ours, logs["foldline"]), serving(theirs, logs["kserve"]):
            for rows in ROWS:
                body = json.dumps({"instances": [ROW] * rows})
                script = folder / f"{rows}.lua"
                script.write_text(SCRIPT % body)
                answers = {name: first_answer(port, body.encode(), logs[name]) for name, port in ports.items()}
                if max(abs(a - b) for a, b in zip(*answers.values(), strict=True)) > 1e-5:
                    raise SystemExit(f"predictions: expected the same of both servers, got {answers}")
                for port in ports.values():
                    load(port, script, max(CONNECTIONS))
                for connections in CONNECTIONS:
                    cell = {"rows": rows, "connections": connections, **measured(ports, script, connections)}
                    print(json.dumps(cell))
                    cells.append(cell)
    figures = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "load_average_before": busy,
        "versions": {"kserve": KSERVE[0].partition("==")[2], "tensorflow": tensorflow},
        "rounds": ROUNDS,
        "seconds_per_round": SECONDS,
        "cells": cells,
    }
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
