"""K folds at once beside K calls of Keras' own `fit`: flights, five folds, ten epochs, whole call with compilation.

Every contender is a process of its own that has imported its libraries and read the transformed rows; the clock runs
from there until every row is predicted out of fold. All use the default perceptron, Adam and the same batch size;
compiled programs are not kept. Keras is tuned: its JAX and TensorFlow backends are each tried with
`steps_per_execution` 1 and 32 and with XLA on and off, and the fastest stands for it.
"""

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from foldline_pipelines.examples.flights import __main__ as example
from foldline_pipelines.local import environments

FOLDS, EPOCHS, ROUNDS = 5, 10, 3
BATCHES = (1024, 256)
BARS = {1024: 2.0, 256: 3.0}
HERE = Path(__file__).parent
CONTENDERS = HERE / "contenders"
RESULTS = HERE / "results" / "training.json"
# Of Keras: steps a call, and whether XLA compiles them (JAX always does).
TUNED = [
    ("jax", 1, True),
    ("jax", 32, True),
    ("tensorflow", 1, False),
    ("tensorflow", 1, True),
    ("tensorflow", 32, False),
    ("tensorflow", 32, True),
]


def transformed(folder: Path) -> list[str]:
    """Folders of dataset, folds and transform of the flights."""
    environments.make(["launcher", "validator", "trainer", "flights"], extra=[], say=print)
    command = [str(Path(sys.executable).with_name("foldline")), "run", "cross_validate", "--out", str(folder / "run")]
    settings = {
        "dataset_uri": example.flights(),
        "n_folds": FOLDS,
        "epochs": 1,
        "fold_strategy": "stratified",
        "group_column": "",
    }
    command += ["--args", str(example.ARGUMENTS)]
    command += [part for name, value in settings.items() for part in ("--set", f"{name}={value}")]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    (artifacts,) = (folder / "run" / "artifacts").iterdir()
    return [
        str(artifacts / task / name)
        for task, name in (
            ("ingest-dataset", "dataset"),
            ("assign-folds", "folds"),
            ("transform-features", "transform"),
        )
    ]


def contend(script: str, *given: Any) -> dict[str, Any]:
    """What a contender prints as its last line."""
    python = environments.interpreter("trainer")
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "2", "JAX_ENABLE_COMPILATION_CACHE": "false"}
    command = [str(python), str(CONTENDERS / script), *map(str, given)]
    ended = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if ended.returncode:
        raise SystemExit(f"{script} {given}: {ended.stderr[-2000:]}")
    result: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return result


def median(results: list[dict[str, Any]]) -> dict[str, Any]:
    """The result with the median time, and all times."""
    ordered = sorted(results, key=lambda result: result["seconds"])
    return {**ordered[len(ordered) // 2], "all_seconds": [round(result["seconds"], 2) for result in results]}


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        artifacts = transformed(Path(scratch))
        rows = Path(scratch) / "rows"
        contend("write_rows.py", *artifacts, rows)
        found = {str(batch): compare(batch, artifacts, rows) for batch in BATCHES}
    machine = f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}"
    device = next(iter(found.values()))["foldline"]["device"]
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps({"machine": machine, "device": device, "batches": found}, indent=2) + "\n")
    print(f"{machine}; trained on {device}; figures in {RESULTS.relative_to(HERE.parent)}")


def compare(batch: int, artifacts: list[str], rows: Path) -> dict[str, Any]:
    """Both sides at one batch size, in turn."""
    tuned = []
    for backend, steps, compiled in TUNED:
        tried = contend("keras_fit.py", rows, batch, 2, backend, steps, compiled)
        tuned.append((tried["seconds"], backend, steps, compiled))
        how = f"Keras on {backend}, {steps} steps a call, XLA {compiled}"
        print(f"batch {batch}, {how}: {tried['seconds']:.1f} s for 2 epochs", flush=True)
    chosen = min(tuned)[1:]
    ours, peers = [], []
    for _ in range(ROUNDS):
        ours.append(contend("stacked.py", *artifacts, batch, EPOCHS))
        peers.append(contend("keras_fit.py", rows, batch, EPOCHS, *chosen))
    foldline, keras = median(ours), median(peers)
    ratio = statistics.median(peer["seconds"] / own["seconds"] for peer, own in zip(peers, ours, strict=True))
    own = f"{foldline['seconds']:.1f} s, AUC {foldline['auc']:.4f} +- {foldline['standard_error']:.4f}"
    other = f"Keras on {chosen[0]} {keras['seconds']:.1f} s, AUC {keras['auc']:.4f}"
    print(f"batch {batch}: {own}; {other}: {ratio:.2f} times as fast (bar {BARS[batch]:.0f})", flush=True)
    print(f"batch {batch}: memory {foldline['memory_ratio']:.2f} x (models + their rows) (bar 1.3)")
    tried = [{"backend": b, "steps_per_execution": s, "xla": x, "seconds_of_2_epochs": t} for t, b, s, x in tuned]
    return {"foldline": foldline, "keras": keras, "chosen": chosen, "tried": tried, "ratio": ratio}


if __name__ == "__main__":
    main()
