"""Runs of deploy_canary, with the artifacts that they need."""

import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np

from foldline.artifacts import Dataset, Decision, Model, Predictions
from foldline.artifacts.dataset import row_id_array
from foldline.artifacts.signature import tensors_from_table
from foldline.predictor import Predictor
from foldline.serving.deploy_canary.run import run


def predicted(dataset: Dataset, model: Model, path: Path, *, predictions: np.ndarray | None = None) -> Predictions:
    """What the model says of the second half of the table, or the given values."""
    table = dataset.table().slice(dataset.rows // 2)
    if predictions is None:
        predictions = Predictor(model).predict(tensors_from_table(table, model.signature))
    return Predictions.write(
        path,
        task=model.task,
        row_id=row_id_array(table),
        fold=np.full(len(table), -1),
        label=model.task.encode(table[model.label]),
        prediction=predictions,
        origin={"kind": "test", "model": model.digest, "dataset": dataset.digest, "folds": "made"},
    )


def compared(model: Model, path: Path, verdict: str = "promote", champion: str = "", **changed: Any) -> Path:
    """The decision of a comparison of this model with the champion."""
    figures = {"challenger_digest": model.digest, "model_name": "late", "champion_version": champion, **changed}
    Decision("comparison", verdict, ("Because the test says so.",), figures, {}).write(path)
    return path


def children() -> list[str]:
    """Processes that this one started and that still run."""
    return Path(f"/proc/self/task/{threading.main_thread().native_id}/children").read_text().split()


def arguments(dataset: Dataset, model: Model, out: Path, **changed: Any) -> dict[str, Any]:
    """Of a run of deploy_canary into `out`, all but `describe`; as JSON has them.

    Args:
        changed: of them, or `champion`: the version that the challenger was compared with.
    """
    champion = changed.pop("champion", "")
    predictions = changed.pop("predictions", None) or predicted(dataset, model, out / "predictions")
    comparison = changed.pop("comparison", None) or compared(model, out / "comparison", champion=champion)
    return {
        "challenger": str(model.path),
        "dataset": str(dataset.path),
        "predictions": str(predictions.path),
        "comparison": str(comparison),
        "decision": str(out / "decision"),
        "report": str(out / "report.html"),
        "store_uri": str(out / "store"),
        "model_name": "late",
        "smoke_rows": 8,
        "timeout_s": 60.0,
        "backend": "local",
        "serving_namespace": "",
        "policy": {},
        "traffic_uri": "",
        "traffic_per_s": 200.0,
        "route": {},
        **changed,
    }


def begun(given: dict[str, Any]) -> subprocess.Popen[str]:
    """A process that runs deploy_canary with these arguments."""
    code = "import json, sys; from foldline.serving.deploy_canary.run import run; "
    command = [sys.executable, "-c", f"{code}run(**json.loads(sys.argv[1]), describe=print)", json.dumps(given)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


def deploy(dataset: Dataset, model: Model, out: Path, **changed: Any) -> Decision:
    """Run deploy_canary into `out`; no process outlives it."""
    given = arguments(dataset, model, out, **changed)
    before = children()
    try:
        run(**given, describe=lambda _: None)
    finally:
        assert children() == before
    return Decision.read(out / "decision")
