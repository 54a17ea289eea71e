"""Runs the command of one task: its output into a log, its figures and artifacts into a record.

    python -m foldline_pipelines.local.task RUN_FOLDER ENVIRONMENT -- COMMAND...

`RUN_FOLDER/tasks/<task>.json` holds the record: state (running, succeeded, failed), times, wall and CPU seconds, peak
memory, exit status, message, parameters, and for each output artifact its address, type, metadata and content digest.
CPU seconds are those of all processes that the task waited for. Peak memory is the resident memory of the whole
process tree, sampled each 0.2 s, or the largest single process (`ru_maxrss`) where that is more; pages that two
processes share count twice.

So that a task can start another run beside its own, it finds the command in FOLDLINE_COMMAND (words, as a shell takes
them), and RUN_FOLDER in FOLDLINE_RUN_FOLDER.
"""

import json
import os
import resource
import shlex
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from foldline_pipelines.local import failure
from foldline_pipelines.local.content import digest, write_json
from foldline_pipelines.local.process_tree import PeakMemory

# Of a task, not of what it starts: kfp imports only what an executor needs where the first one is set.
_OUTSIDE = ("env", "-u", "_KFP_RUNTIME", "-u", "VIRTUAL_ENV")
_METADATA_ONLY = ("system.Metrics", "system.ClassificationMetrics", "system.SlicedClassificationMetrics")


def now() -> str:
    """The time in UTC, to the millisecond, in ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def task_name(output_file: Path, run_folder: Path) -> str:
    """Name of a task in its run: the folder of its outputs below that of the attempt; a loop adds a level."""
    return output_file.parent.relative_to(run_folder / "artifacts").as_posix().partition("/")[2]


def artifacts(executor_input: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Output artifacts of an ended task, with what the component said of them and the digest of what is there."""
    output_file = Path(executor_input["outputs"]["outputFile"])
    said = json.loads(output_file.read_text()) if output_file.exists() else {}
    described = {}
    for name, planned in executor_input["outputs"].get("artifacts", {}).items():
        plan = planned["artifacts"][0]
        written = said.get("artifacts", {}).get(name, {}).get("artifacts", [{}])[0]
        uri, kind = written.get("uri", plan["uri"]), plan["type"]["schemaTitle"]
        # KFP takes nothing from its cache whose file is missing, and figures alone have no file.
        if kind in _METADATA_ONLY and not Path(uri).exists():
            Path(uri).parent.mkdir(parents=True, exist_ok=True)
            Path(uri).touch()
        described[name] = {
            "type": kind,
            "uri": uri,
            "metadata": written.get("metadata", {}),
            "digest": digest(Path(uri)) if uri.startswith("/") else "",
        }
    return described


def run(run_folder: Path, environment: Path, command: list[str]) -> int:
    """Run `command` with the programs of `environment` first in PATH, and record it; returns its exit status."""
    executor_input = json.loads(command[command.index("--executor_input") + 1])
    output_file = Path(executor_input["outputs"]["outputFile"])
    name = task_name(output_file, run_folder)
    log = run_folder / "logs" / f"{name}.log"
    record_file = run_folder / "tasks" / f"{name}.json"
    record: dict[str, Any] = {
        "task": name,
        "state": "running",
        "started": now(),
        "log": log.relative_to(run_folder).as_posix(),
        "parameters": executor_input.get("inputs", {}).get("parameterValues", {}),
    }
    write_json(record_file, record)
    log.parent.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    variables = os.environ | {
        "PATH": f"{environment / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "VIRTUAL_ENV": str(environment),
        "PYTHONUNBUFFERED": "1",
        "FOLDLINE_COMMAND": shlex.join([*_OUTSIDE, sys.executable, "-m", "foldline_pipelines.cli"]),
        "FOLDLINE_RUN_FOLDER": str(run_folder),
    }
    with log.open("ab") as stream, PeakMemory() as peak:
        start = stream.tell()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, env=variables)
        status = process.wait()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    record |= {
        "state": "failed" if status else "succeeded",
        "ended": now(),
        "seconds": round(time.monotonic() - began, 3),
        "cpu_seconds": round(used.ru_utime + used.ru_stime, 3),
        "peak_memory_bytes": max(peak.bytes, used.ru_maxrss * (1 if sys.platform == "darwin" else 1024)),
        "exit_status": status,
        "message": failure.message(log, start, status) if status else "",
        "artifacts": {} if status else artifacts(executor_input),
    }
    write_json(record_file, record)
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    separator = sys.argv.index("--")
    folder, interpreters_of = sys.argv[1:separator]
    sys.exit(run(Path(folder), Path(interpreters_of), sys.argv[separator + 1 :]))
