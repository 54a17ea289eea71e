"""`tune_hyperparameters` on a line of artifacts: in this process, or as a command that can be killed."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from foldline.artifacts.search import Search

SCRIPT = """
import json, sys
from foldline.training.tune_hyperparameters.run import run
given = json.loads(sys.argv[1])
run(**given, log_metric=lambda name, value: None, describe=lambda figures: None)
assert "jax" not in sys.modules and "keras" not in sys.modules
"""
RATE = {"type": "float", "low": 1e-4, "high": 0.1, "log": True}


def arguments(line: Any, out: Path, definition: dict[str, Any], **given: Any) -> dict[str, Any]:
    """Of `run`, for a small model; without what takes figures."""
    return {
        **{f"{name}_path": line.path(name) for name in ("dataset", "folds", "transform")},
        "search_path": str(out / "search"),
        "report_path": str(out / "report.html"),
        "tuned_path": str(out / "tuned.json"),
        "definition": definition,
        "model": "",
        "model_code": "",
        "hyperparameters": {"hidden_units": [8]},
        "epochs": 2,
        "batch_size": 64,
        "learning_rate": 0.001,
        "patience": 2,
        "seed": 0,
        "fitting": {},
        "checkpoint_uri": "",
    } | given


def started(given: dict[str, Any], log: Path) -> "subprocess.Popen[bytes]":
    """The search as a process of its own, in a group of its own; its output is added to `log`."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as stream:
        return subprocess.Popen(
            [sys.executable, "-c", SCRIPT, json.dumps(given)], stdout=stream, stderr=stream, start_new_session=True
        )


def found(out: Path) -> Search:
    return Search.read(out / "search")
