"""A champion that is watched on this machine, by the compiled pipeline: quiet days, a shift, again, and a fault."""

import json
import os
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from kfp import dsl

from foldline.data.ingest_dataset.component import ingest_dataset
from foldline_pipelines.compile import compile_pipeline
from foldline_pipelines.local import environments

TESTS = Path(__file__).resolve().parents[1]
COMMAND = environments.root() / "local" / "bin" / "foldline"
NOW = "2013-02-18"


@dsl.pipeline(name="train-again")
def train_again(dataset_uri: str, store_uri: str, model_name: str, time_end: str):
    """What stands for the training: it reads the rows that a training would."""
    ingest_dataset(source_uri=dataset_uri, time_column="departure", time_end=time_end)


@dataclass(frozen=True)
class Watch:
    """A run of watch_drift."""

    folder: Path
    status: int
    output: str

    def decision(self, task: str) -> dict[str, Any]:
        record = json.loads((self.folder / "run.json").read_text())
        made = next(one for one in record["tasks"] if one["task"] == task)
        found: dict[str, Any] = json.loads((Path(made["artifacts"]["decision"]["uri"]) / "decision.json").read_text())
        return found

    @property
    def trainings(self) -> list[Path]:
        """Folders of the runs that this watch and those beside it have started."""
        return sorted(self.folder.parent.glob("train-again-*"))


@dataclass(frozen=True)
class Watches:
    quiet: Watch
    shifted: Watch
    again: Watch
    faulty: Watch
    alerts: list[dict[str, Any]]


@contextmanager
def webhook(taken: list[dict[str, Any]]) -> Iterator[str]:
    """The address of a webhook that keeps what is posted."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            taken.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="module")
def watches(tmp_path_factory: pytest.TempPathFactory) -> Watches:
    place = tmp_path_factory.mktemp("watch")
    made = [str(environments.interpreter("trainer")), "-m", "builders.watched", "enthrone", str(place)]
    subprocess.run(made, env={**os.environ, "PYTHONPATH": str(TESTS)}, check=True, capture_output=True, timeout=120)
    again = place / "train_again.yaml"
    compile_pipeline(train_again, again, {})
    alerts: list[dict[str, Any]] = []
    with webhook(alerts) as address:

        def watch(kind: str, name: str) -> Watch:
            rows = {"dataset_uri": str(place / f"{kind}.parquet")}
            arguments = {
                **rows,
                "label": "late",
                "time_column": "departure",
                "model_name": "late",
                "store_uri": str(place / "models"),
                "state_uri": str(place / kind / "state"),
                "every": "1d",
                "until": NOW,
                "drift_policy": {"minimum_rows": 100},
                "pipeline": str(again),
                "arguments": rows,
                "alerts": {"sinks": [{"kind": "webhook", "url": address}]},
            }
            file, folder = place / f"{kind}-{name}.json", place / kind / name
            file.write_text(json.dumps(arguments))
            command = [str(COMMAND), "run", "watch_drift", "--args", str(file), "--out", str(folder)]
            ended = subprocess.run(command, cwd=place, capture_output=True, text=True, timeout=280, check=False)
            return Watch(folder, ended.returncode, ended.stdout + ended.stderr)

        with ThreadPoolExecutor(2) as pool:
            first, second = pool.map(
                lambda chain: [watch(*one) for one in chain],
                ([("shifted", "first"), ("shifted", "second")], [("quiet", "only"), ("faulty", "only")]),
            )
    return Watches(quiet=second[0], shifted=first[0], again=first[1], faulty=second[1], alerts=alerts)


def test_quiet_days_start_nothing_and_say_so(watches: Watches) -> None:
    assert watches.quiet.status == 0, watches.quiet.output
    assert watches.quiet.decision("detect-drift")["verdict"] == "no drift"
    assert watches.quiet.decision("trigger-run")["verdict"] == "not started"
    assert watches.quiet.trainings == []


def test_a_shift_starts_one_training_on_the_rows_up_to_the_newest_window(watches: Watches) -> None:
    assert watches.shifted.status == 0, watches.shifted.output
    drift, trigger = (watches.shifted.decision(task) for task in ("detect-drift", "trigger-run"))
    assert (drift["verdict"], trigger["verdict"]) == ("drift", "started")
    alarms = {member["name"] for member in drift["figures"]["windows"][-1]["members"] if member["alarm"]}
    assert {"distance", "prediction"} <= alarms
    (training,) = watches.shifted.trainings
    record = json.loads((training / "run.json").read_text())
    assert record["state"] == "succeeded"
    assert record["parameters"]["time_end"] == "2013-02-17T23:51:00.000001"
    assert training.name.endswith(trigger["figures"]["reasons"][0]["key"][:12])


def test_the_same_shift_starts_no_second_training(watches: Watches) -> None:
    assert watches.again.status == 0, watches.again.output
    assert (
        watches.again.decision("detect-drift")["figures"]["event"]
        == watches.shifted.decision("detect-drift")["figures"]["event"]
    )
    trigger = watches.again.decision("trigger-run")
    assert trigger["verdict"] == "not started"
    assert "was started for this" in trigger["reasons"][0]
    assert len(watches.again.trainings) == 1


def test_a_fault_starts_nothing_and_raises_an_alert(watches: Watches) -> None:
    assert watches.faulty.status == 0, watches.faulty.output
    assert watches.faulty.decision("detect-drift")["verdict"] == "fault"
    assert watches.faulty.decision("trigger-run")["verdict"] == "not started"
    assert watches.faulty.trainings == []
    assert any("distance" in json.dumps(alert) and "fault" in json.dumps(alert) for alert in watches.alerts)
