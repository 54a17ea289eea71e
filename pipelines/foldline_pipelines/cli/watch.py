"""The command that replays past months of a watched champion."""

import json
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from foldline._image import IMAGES
from foldline.durations import seconds_of
from foldline.ending import called
from foldline.errors import ArgumentError
from foldline.moments import parse_time
from foldline_pipelines import arguments
from foldline_pipelines.cli.options import ArgsFile, Assignments, representation
from foldline_pipelines.cli.terminal import console, say
from foldline_pipelines.local import environments, folder
from foldline_pipelines.local.content import write_json

WATCH, TRAINING = "watch_drift", "train_and_serve"
# Parameters of watch_drift that mean the same in the training.
SHARED = (
    "dataset_uri", "label", "model_name", "columns", "derived", "where", "time_column", "key_columns", "schema_text",
)  # fmt: skip
# What a replay sets itself, of both.
OWN = ("store_uri", "time_end")


def watch(
    from_: Annotated[str, typer.Option("--from", metavar="TIME", help="Train a first champion on what is before.")],
    to: Annotated[str, typer.Option("--to", metavar="TIME", help="Watch until then, in whole windows.")],
    every: Annotated[str, typer.Option(metavar="LENGTH", help="Length of a window: 12h, 7d.")] = "",
    args: ArgsFile = None,
    set_: Assignments = [],
    out: Annotated[Path | None, typer.Option(help="Folder of the replay; a new one under runs/ by default.")] = None,
) -> None:
    """Replay past months: when watch_drift would have trained again, and the error with and without that."""
    watched, training = _given(args, set_, every)
    start, end = _span(from_, to, watched["every"])
    target = (out or Path("runs") / f"watch-{datetime.now():%Y%m%d-%H%M%S}").absolute()
    folder.last_attempt(target, resume=False)
    environments.make(list(IMAGES), extra=[], say=say)
    command = [str(Path(sys.executable).with_name("foldline"))]
    with folder.writable(target):
        target.mkdir(parents=True, exist_ok=True)
        plan = target / "plan.json"
        write_json(plan, {"command": command, "watch": watched, "training": training, "start": start, "end": end})
    python = str(environments.interpreter("trainer"))
    status = called([python, "-m", "foldline.operations.replay", str(plan)])
    if status:
        raise typer.Exit(status)
    console.print(_table(json.loads((target / "watch.json").read_text())))
    say(f"page: {target / 'watch.html'}")
    say("next: foldline schedule watch_drift --args FILE --cron '0 6 * * 1', or another --set drift_policy=...")


def _given(args: Path | None, assignments: list[str], every: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Parameters of watch_drift, complete, and arguments of the training, all checked."""
    declared = arguments.parameters(representation(WATCH))
    given = arguments.read(args, assignments, declared)
    if every:
        given["every"] = every
    watched = arguments.complete(given, declared)
    if not watched["time_column"]:
        raise ArgumentError("time_column", expected="the column that says when a row happened", got="nothing")
    shared = {name: given[name] for name in SHARED if name in given}
    base = args.absolute().parent if args else Path.cwd()
    of_training = arguments.parameters(representation(TRAINING))
    training = arguments.checked({**shared, **watched["arguments"]}, "arguments", base, of_training)
    for name in OWN:
        if name in training:
            fix = "A replay sets it by --from and the windows." if name == "time_end" else "A replay has its own store."
            raise ArgumentError(f"arguments.{name}", expected="nothing", got=repr(training[name]), fix=fix)
    arguments.complete(training, of_training)
    return watched, training


def _span(from_: str, to: str, every: str) -> tuple[str, str]:
    """Start and end in ISO 8601, between which a window fits."""
    start, end = (_moment(text, option) for text, option in ((from_, "--from"), (to, "--to")))
    if end - start < timedelta(seconds=seconds_of(every, argument="every")):
        raise ArgumentError("--to", expected=f"at least {every} after {start.isoformat()}", got=end.isoformat())
    return start.isoformat(), end.isoformat()


def _moment(text: str, option: str) -> datetime:
    found = parse_time(text, option)
    if found is None:
        raise ArgumentError(option, expected="a time in ISO 8601, as 2013-10-01", got="nothing")
    return found


def _table(outcome: dict[str, Any]) -> Table:
    metric = outcome["metrics"][0]
    shown = metric.replace("_", " ")
    table = Table(title=f"{outcome['model_name']}: {outcome['retrainings']} retrainings")
    for name in ("from", "state", "alarms"):
        table.add_column(name)
    for name in (f"{shown} without", f"{shown} with"):
        table.add_column(name, justify="right")
    table.add_column("what was done")
    for week in outcome["weeks"]:
        errors = (_number(week[kind].get(metric)) for kind in ("without", "with"))
        table.add_row(week["start"][:10], week["state"], ", ".join(week["alarms"]), *errors, week["action"])
    means = outcome["means"][metric]
    table.add_section()
    table.add_row("mean", "", "", _number(means["without"]), _number(means["with"]), "")
    return table


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
