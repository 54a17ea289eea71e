"""What a run leaves behind: `run.json`, `index.html` and the reports of its tasks."""

import json
import os
import shutil
from importlib.metadata import version
from pathlib import Path
from typing import Any

from foldline.report import Page
from foldline_pipelines.local.content import write_json
from foldline_pipelines.local.folder import RECORD

Record = dict[str, Any]
FORMAT = "foldline-run/1"
_TONES = {"succeeded": "good", "cached": "good", "failed": "bad", "interrupted": "warn"}


def machine() -> Record:
    """Cores that this process may use, and the memory of the machine in bytes."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {"cores": cores, "memory_bytes": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")}


def tasks(folder: Path, planned: list[str]) -> list[Record]:
    """Records of the tasks, in the order in which they began; those that never began come last, as `waiting`."""
    found = []
    for file in (folder / "tasks").rglob("*.json"):
        try:
            found.append(json.loads(file.read_text()))
        except FileNotFoundError:
            continue
    found.sort(key=lambda record: str(record["started"]))
    begun = {record["task"] for record in found}
    return found + [{"task": name, "state": "waiting"} for name in planned if name not in begun]


def settled(records: list[Record], state: str) -> list[Record]:
    """Records of a run that has ended: what was under way was interrupted, what waited was skipped or never ran."""
    ends = {"running": "interrupted", "waiting": "skipped" if state == "succeeded" else "not run"}
    return [{**record, "state": ends.get(record["state"], record["state"])} for record in records]


def assemble(
    *,
    pipeline: str,
    state: str,
    parameters: Record,
    started: str,
    ended: str,
    seconds: float,
    records: list[Record],
    message: str,
) -> Record:
    """The content of `run.json`; figures of a task are the scalar metadata of its Metrics artifacts."""
    return {
        "format": FORMAT,
        "foldline": version("foldline"),
        "pipeline": pipeline,
        "state": state,
        "message": message,
        "parameters": parameters,
        "started": started,
        "ended": ended,
        "seconds": round(seconds, 3),
        "task_seconds": round(sum(record.get("seconds", 0.0) for record in records if _ran(record)), 3),
        "peak_memory_bytes": max((record.get("peak_memory_bytes", 0) for record in records if _ran(record)), default=0),
        "machine": machine(),
        "tasks": [{**record, "metrics": _metrics(record)} for record in records],
    }


def write(folder: Path, run: Record) -> None:
    """Write `run.json` and `index.html`, and a copy of each HTML report under a name that a browser knows."""
    reports = _reports(folder, run) if run["state"] != "running" else {}
    write_json(folder / RECORD, run)
    _page(run, reports).write(folder / "index.html")


def bytes_in_words(size: float) -> str:
    """`512 MiB`, `1.3 GiB`."""
    return f"{size / 2**30:.1f} GiB" if size >= 2**30 else f"{size / 2**20:.0f} MiB"


def scores(task: Record) -> list[str]:
    """The metrics of a task that have a standard error, as `roc_auc 0.6856 ± 0.0109`."""
    errors = {name: task["metrics"].get(f"{name}_standard_error") for name in task["metrics"]}
    return [f"{name} {task['metrics'][name]:.4f} ± {error:.4f}" for name, error in errors.items() if error is not None]


def _ran(record: Record) -> bool:
    return bool(record["state"] != "cached")


def _metrics(record: Record) -> Record:
    return {
        name: value
        for artifact in record.get("artifacts", {}).values()
        if artifact["type"] == "system.Metrics"
        for name, value in artifact["metadata"].items()
        if isinstance(value, (int, float, str, bool))
    }


def _reports(folder: Path, run: Record) -> dict[str, str]:
    """Address of each report, relative to `folder`, by task and artifact."""
    made = {}
    for task in run["tasks"]:
        for name, artifact in task.get("artifacts", {}).items():
            source = Path(artifact["uri"])
            if artifact["type"] == "system.HTML" and source.is_file():
                target = folder / "reports" / f"{task['task'].replace('/', '.')}-{name}.html"
                target.parent.mkdir(exist_ok=True)
                shutil.copyfile(source, target)
                made[f"{task['task']} {name}"] = target.relative_to(folder).as_posix()
    return made


def _page(run: Record, reports: dict[str, str]) -> Page:
    page = Page(
        f"{run['pipeline']}: {run['state']}", f"{run['started']} to {run['ended'] or 'now'}, {run['seconds']:.1f} s"
    )
    if run["message"]:
        page.text(run["message"], _TONES.get(run["state"], ""))
    page.heading("Tasks")
    logs = {task["log"]: task["log"] for task in run["tasks"] if "log" in task}
    page.table(
        ["task", "state", "seconds", "CPU seconds", "peak memory", "log"],
        [
            [
                task["task"],
                task["state"],
                round(task["seconds"], 1) if "seconds" in task else None,
                round(task["cpu_seconds"], 1) if "cpu_seconds" in task else None,
                bytes_in_words(task["peak_memory_bytes"]) if "peak_memory_bytes" in task else None,
                task.get("log"),
            ]
            for task in run["tasks"]
        ],
        logs,
    )
    if reports:
        page.heading("Reports")
        page.table([], [[address] for address in reports.values()], {address: address for address in reports.values()})
    for task in run["tasks"]:
        if task["metrics"]:
            page.heading(f"Figures of {task['task']}")
            page.figures(task["metrics"])
    page.heading("Parameters")
    page.figures(
        {name: value if isinstance(value, str) else json.dumps(value) for name, value in run["parameters"].items()}
    )
    page.heading("Artifacts")
    page.table(
        ["task", "artifact", "type", "digest", "address"],
        [
            [task["task"], name, artifact["type"], artifact["digest"][:19], artifact["uri"]]
            for task in run["tasks"]
            for name, artifact in task.get("artifacts", {}).items()
        ],
    )
    page.heading("Machine")
    memory = run["machine"]["memory_bytes"]
    page.figures(
        {
            "cores": run["machine"]["cores"],
            "memory": bytes_in_words(memory),
            "foldline": run["foldline"],
            "all": RECORD,
        },
    )
    return page
