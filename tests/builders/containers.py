"""Containers of Foldline's images, confined as a careful cluster confines them, and whole pipelines in them."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from foldline_pipelines.local import record
from foldline_pipelines.local.content import write_json
from foldline_pipelines.local.localize import pipeline_specification, static_tasks

COMPILED = Path(__file__).resolve().parents[2] / "compiled" / "pipelines"
SEARCH = {
    "space": {"learning_rate": {"type": "float", "low": 0.001, "high": 0.01}},
    "budget": {"trials": 2, "parallel_trials": 2},
}
# The limits of the caller may not be raised where it lacks that capability, and podman's own default would.
CONFINED = [
    *("podman", "run", "--rm", "--network=none", "--read-only", "--tmpfs=/tmp", "--cap-drop=ALL"),
    *("--security-opt=no-new-privileges", "--ulimit=nofile=1024:1024", "--ulimit=nproc=4096:4096"),
]


def output(image: str, *command: str, user: str = "") -> str:
    """What `command` prints in a confined container of `image`, as its own user where none is named; must end well."""
    confined = [*CONFINED, f"--user={user}"] if user else CONFINED
    ended = subprocess.run([*confined, image, *command], capture_output=True, text=True, timeout=280, check=False)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def run_pipeline(
    folder: Path, compiled: Path, arguments: dict[str, Any], within: Callable[[str], list[str]]
) -> list[dict[str, Any]]:
    """Run a compiled pipeline with the command of each task inside its image.

    Args:
        folder: Empty folder of the run; holds the artifacts, and any user may write to it.
        compiled: The compiled pipeline.
        arguments: Its parameters.
        within: Start of the command line that runs a command in the image given, with `folder` at the same path.

    Returns:
        The record of each task, in an order in which they can run.
    """
    pipeline = pipeline_specification(list(yaml.safe_load_all(compiled.read_text())), str(compiled))
    wrapper = [sys.executable, "-m", "foldline_pipelines.local.task", str(folder), sys.prefix, "--"]
    for executor in pipeline["deploymentSpec"]["executors"].values():
        container = executor["container"]
        container["command"] = [*wrapper, *within(container["image"]), *container["command"]]
    folder.chmod(0o777)
    write_json(folder / "plan.json", {"pipeline": pipeline, "parameters": arguments})
    with (folder / "engine.log").open("wb") as log:
        engine = subprocess.Popen(
            [sys.executable, "-m", "foldline_pipelines.local.engine", str(folder)],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            umask=0,
        )
        try:
            engine.wait(900)
        finally:
            engine.kill()
    return record.tasks(folder, static_tasks(pipeline))


def run_all_pipelines(folder: Path, table: Path, within: Callable[[str], list[str]]) -> dict[str, dict[str, Any]]:
    """Run what has all components but tune_on_katib, which needs Katib: the line with a search and its canary, a watch
    of its champion, the diagnoses, folds as tasks of their own, and what stands where no search is.

    Args:
        folder: holds `table` and everything that is written; any user may write to it.
        table: rows with the label `left`.
        within: Start of the command line that runs a command in the image given, with `folder` at the same path.

    Returns:
        The record of each task by its name; of a task in a loop one of its rounds.
    """
    rows = {"dataset_uri": str(table), "label": "left"}
    training = {**rows, "n_folds": 3, "epochs": 2}
    own: dict[str, dict[str, Any]] = {
        "train_and_serve": {
            **training,
            "store_uri": str(folder / "models"),
            "time_column": "joined",
            "time_end": "2025-02-15",
            "search": SEARCH,
            "search_engine": "optuna",
        },
        "watch_drift": {
            **rows,
            "store_uri": str(folder / "models"),
            "state_uri": str(folder / "watch"),
            "time_column": "joined",
            "every": "1d",
            "until": "2025-03-01",
        },
        "spot_check": {**training, "families": ["dummy", "linear"]},
        "cross_validate_in_parallel": training,
    }
    folder.chmod(0o777)
    records: list[dict[str, Any]] = []
    for name, arguments in own.items():
        place = folder / name
        place.mkdir()
        records += run_pipeline(place, COMPILED / f"{name}.yaml", arguments, within)
    alone = folder / "without_search"
    alone.mkdir()
    records += run_pipeline(alone, COMPILED.parent / "components" / "without_search.yaml", {}, within)
    return {record["task"].rpartition("/")[2]: record for record in records}
