"""Seconds that a local run adds to each task: `foldline run` beside kfp.local as it comes.

Both run the same pipeline of empty tasks, one after another. kfp.local makes a virtual environment for each task and
installs kfp into it; foldline runs each task in the environment that stands for its image. Both pay for the start of
kfp's executor, which is measured alone and shown.
"""

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from kfp import compiler, dsl, local

from foldline._image import LAUNCHER
from foldline_pipelines.local import environments

TASKS = 5
PEER_TASKS = 2
RESULTS = Path(__file__).parent / "results" / "orchestration.json"


@dsl.component(base_image=LAUNCHER, install_kfp_package=False)
def empty(before: str = "") -> str:
    """Do nothing."""
    return before


@dsl.component(base_image=f"python:{sys.version_info[0]}.{sys.version_info[1]}", kfp_package_path="kfp==2.17.0")
def empty_as_it_comes(before: str = "") -> str:
    """Do nothing."""
    return before


@dsl.pipeline(name="empty-tasks")
def empty_tasks() -> None:
    """A chain of empty tasks."""
    last = empty()
    for _ in range(TASKS - 1):
        last = empty(before=last.output)


@dsl.pipeline(name="empty-tasks-as-they-come")
def empty_tasks_as_they_come() -> None:
    """A chain of empty tasks."""
    last = empty_as_it_comes()
    for _ in range(PEER_TASKS - 1):
        last = empty_as_it_comes(before=last.output)


def seconds_of_foldline(folder: Path) -> float:
    """Seconds a task, start and end of the run included."""
    compiler.Compiler().compile(empty_tasks, str(folder / "empty.yaml"))
    command = [str(Path(sys.executable).with_name("foldline")), "run", str(folder / "empty.yaml")]
    started = time.monotonic()
    subprocess.run([*command, "--out", str(folder / "run")], check=True, stdout=subprocess.DEVNULL)
    return (time.monotonic() - started) / TASKS


def seconds_of_kfp(folder: Path) -> float:
    """Seconds a task of kfp.local's default, without its start."""
    local.init(local.SubprocessRunner(), pipeline_root=str(folder / "peer"))
    output = os.dup(1)
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        started = time.monotonic()
        empty_tasks_as_they_come()
        elapsed = time.monotonic() - started
        os.dup2(output, 1)
    return elapsed / PEER_TASKS


def seconds_of_executor() -> float:
    """Median seconds in which kfp's executor is imported, in the environment that the tasks run in."""
    command = [str(environments.interpreter("launcher")), "-c", "import kfp.dsl.executor_main"]
    taken = []
    for _ in range(5):
        started = time.monotonic()
        subprocess.run(command, check=True)
        taken.append(time.monotonic() - started)
    return statistics.median(taken)


def main() -> None:
    """Measure, print, and write the figures to JSON."""
    with tempfile.TemporaryDirectory() as scratch:
        executor = seconds_of_executor()
        ours = seconds_of_foldline(Path(scratch))
        theirs = seconds_of_kfp(Path(scratch))
    figures = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "executor_import_s": round(executor, 2),
        "foldline_s_per_task": round(ours, 2),
        "foldline_beyond_executor_s_per_task": round(ours - executor, 2),
        "kfp_local_s_per_task": round(theirs, 2),
        "ratio": round(theirs / ours, 1),
    }
    for name, value in figures.items():
        print(f"{name}: {value}")
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
