"""Runs of deploy_canary, with the artifacts that they need."""

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


def deploy(dataset: Dataset, model: Model, out: Path, *, rows: int = 8, **changed: Any) -> Decision:
    """Run deploy_canary into `out`; no process outlives it."""
    predictions = changed.pop("predictions", None) or predicted(dataset, model, out / "predictions")
    champion = changed.pop("champion", "")
    comparison = changed.pop("comparison", None) or compared(model, out / "comparison", champion=champion)
    before = children()
    try:
        run(
            challenger=str(model.path),
            dataset=str(dataset.path),
            predictions=str(predictions.path),
            comparison=str(comparison),
            decision=str(out / "decision"),
            report=str(out / "report.html"),
            describe=lambda _: None,
            **{
                "store_uri": str(out / "store"),
                "model_name": "late",
                "smoke_rows": rows,
                "timeout_s": 60.0,
                "backend": "local",
                "serving_namespace": "",
                "policy": {},
                "traffic_uri": "",
                "traffic_per_s": 200.0,
                "route": {},
                **changed,
            },
        )
    finally:
        assert children() == before
    return Decision.read(out / "decision")
