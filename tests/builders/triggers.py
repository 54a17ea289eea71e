"""What trigger_run is given: decisions and scored rows; and what it starts on a Kubeflow at the wire."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from builders.kubeflow import Kubeflow
from builders.models import BINARY
from foldline.artifacts import Dataset, Decision

TRAINED_UNTIL = datetime(2013, 6, 30)
NEWEST = datetime(2013, 7, 21)
VERSION = "0123456789ab"
PIPELINE = "train-and-serve"
PARAMETERS = {"dataset_uri": "STRING", "store_uri": "STRING", "model_name": "STRING", "time_end": "STRING"}


def drift(
    verdict: str = "drift", *, tier: str = "input", onset: str = "2013-07-08", version: str = VERSION
) -> Decision:
    """The decision of detect_drift."""
    event = {"key": f"{version} {tier} {onset}", "tier": tier, "onset": onset} if verdict == "drift" else {}
    reference = {"model_version": version, "end": TRAINED_UNTIL.isoformat(), "digest": "sha256:0"}
    figures = {"event": event, "reference": reference, "windows": [], "excluded": []}
    return Decision("drift", verdict, (f"The newest window says {verdict}.",), figures, {})


def validation(verdict: str = "pass") -> Decision:
    return Decision("validation", verdict, (f"Column a: {verdict}.",), {}, {})


def monitoring() -> Decision:
    return Decision("monitoring", "pass", ("Nothing to say.",), {}, {})


def window(path: Path, *, rows: int = 210, unlabelled: int = 0) -> Dataset:
    """Scored rows whose times are spread evenly from the training's end to NEWEST; the newest ones have no label."""
    step = (NEWEST - TRAINED_UNTIL) / rows
    times = [TRAINED_UNTIL + step * (place + 1) for place in range(rows)]
    labels = [place % 2 == 0 if place < rows - unlabelled else None for place in range(rows)]
    table = pa.table(
        {
            "at": pa.array(times, pa.timestamp("us")),
            "late": pa.array(labels, pa.bool_()),
            "prediction": pa.array([0.5] * rows, pa.float64()),
        }
    )
    model = {"version": VERSION, "digest": "sha256:0", "label": "late", "task": BINARY.to_json(), "predictions": []}
    return Dataset.write(path, table, source={}, label="late", time_column="at", model=model)


def uploaded(server: Kubeflow, *versions: str, pipeline: str = PIPELINE) -> None:
    """Let the server hold these versions of a pipeline that takes PARAMETERS, the last one the newest."""
    declared = {name: {"parameterType": kind, "isOptional": True} for name, kind in PARAMETERS.items()}
    spec = {"root": {"inputDefinitions": {"parameters": declared}}}
    server.pipelines[f"id-{pipeline}"] = {"pipeline_id": f"id-{pipeline}", "display_name": pipeline}
    for place, name in enumerate(versions):
        made = datetime(2026, 1, 1) + timedelta(days=place)
        server.versions[f"{pipeline}-{name}"] = {
            "pipeline_id": f"id-{pipeline}",
            "pipeline_version_id": f"{pipeline}-{name}",
            "display_name": name,
            "pipeline_spec": spec,
            "created_at": f"{made.isoformat()}Z",
        }


def living(server: Kubeflow) -> list[dict[str, Any]]:
    """The runs that were not told to end."""
    return [run for run in server.runs.values() if run["state"] != "CANCELING"]
