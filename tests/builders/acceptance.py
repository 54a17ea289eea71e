"""What the acceptance tests are told, and what they read from the command's output and from the cluster."""

import json
import os
import subprocess
import time
from collections.abc import Callable, Container
from pathlib import Path
from typing import Any

import pytest
import yaml

from foldline.kubeflow import connection

GPU = "nvidia.com/gpu"
FIRST_S = 300.0


def given(name: str, what: str) -> str:
    """A setting of the environment; without it the test is skipped with `what` as reason."""
    value = os.environ.get(name, "")
    if not value:
        pytest.skip(f"{name} is not given: {what}")
    return value


def table(taken: Container[str]) -> list[str]:
    """Options that name the table, its label, and of the arguments in KFP_ARGUMENTS those of a name in `taken`."""
    file = os.environ.get("KFP_ARGUMENTS")
    values = yaml.safe_load(Path(file).read_text(encoding="utf-8")) if file else {}
    values["dataset_uri"] = given("KFP_DATASET_URI", "a table in a bucket that the pods reach")
    values["label"] = given("KFP_LABEL", "the column to predict")
    pairs = [f"{name}={json.dumps(value, default=str)}" for name, value in values.items() if name in taken]
    return [word for pair in pairs for word in ("--set", pair)]


def run_id(ended: subprocess.CompletedProcess[str]) -> str:
    """Id of the run that `foldline submit` started."""
    assert "/runs/details/" in ended.stdout, ended.stdout + ended.stderr
    return ended.stdout.split("/runs/details/")[1].split()[0]


def recurring_run(api: connection.Connection, name: str) -> Any:
    """The recurring run of this name, as the server keeps it."""
    service = api.recurring_runs
    listed = api.ask("recurring runs", service.recurring_run_service_list_recurring_runs, page_size=100, **api.scope)
    (found,) = [one for one in listed.recurring_runs if one.display_name == name]
    return found


def runs_of(api: connection.Connection, recurring: str) -> list[Any]:
    """Runs that the recurring run of this id has started, the last one first."""
    found = api.ask("runs", api.runs.run_service_list_runs, page_size=100, sort_by="created_at desc", **api.scope)
    return [run for run in found.runs or [] if run.recurring_run_id == recurring]


def first_run_of(api: connection.Connection, recurring: str) -> str:
    """Id of the first run that the recurring run of this id starts."""
    deadline = time.monotonic() + FIRST_S
    while not (fired := runs_of(api, recurring)):
        assert time.monotonic() < deadline, f"nothing fired within {FIRST_S:.0f} s"
        time.sleep(2)
    return str(fired[-1].run_id)


def accelerator_node(kubectl: Callable[..., str]) -> dict[str, Any] | None:
    """A node that advertises GPUs; None where there is none."""
    nodes = json.loads(kubectl("get", "nodes", "-o", "json"))["items"]
    return next((one for one in nodes if int(one["status"]["allocatable"].get(GPU, "0"))), None)


def placed_on(node: dict[str, Any]) -> list[str]:
    """Parameters that ask for one GPU of this node and tolerate its taints."""
    name = node["metadata"]["labels"]["kubernetes.io/hostname"]
    taints = [{"key": taint["key"], "operator": "Exists"} for taint in node["spec"].get("taints", [])]
    words = (
        "accelerator_count=1",
        f"node_selector={{kubernetes.io/hostname: {name}}}",
        f"tolerations={json.dumps(taints)}",
    )
    return [word for each in words for word in ("--set", each)]


def pods_by_node(kubectl: Callable[..., str], namespace: str, run: str) -> tuple[dict[str, int], dict[str, int]]:
    """Number of pods of a run on each node: of those that ask for a GPU, and of the others."""
    asking: dict[str, int] = {}
    others: dict[str, int] = {}
    text = kubectl("get", "pods", "-n", namespace, "-l", f"pipeline/runid={run}", "-o", "json")
    for pod in json.loads(text)["items"]:
        limits = [one.get("resources", {}).get("limits", {}) for one in pod["spec"]["containers"]]
        counted = asking if any(one.get(GPU, "0") != "0" for one in limits) else others
        node = pod["spec"].get("nodeName", "none")
        counted[node] = counted.get(node, 0) + 1
    return asking, others
