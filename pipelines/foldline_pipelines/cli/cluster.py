"""Commands that run pipelines on a Kubeflow."""

import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from foldline.errors import ArgumentError
from foldline_pipelines import arguments, registry
from foldline_pipelines.cli.options import (
    ArgsFile,
    Assignments,
    Endpoint,
    Namespace,
    PipelineName,
    SettingsFile,
    is_file,
    representation,
)
from foldline_pipelines.cli.terminal import complain, console, say

if TYPE_CHECKING:
    from foldline.kubeflow.connection import Connection
    from foldline.kubeflow.versions import Version

_DAY_S = 86_400


def submit_run(
    pipeline: PipelineName,
    args: ArgsFile = None,
    set_: Assignments = [],
    settings: SettingsFile = None,
    experiment: Annotated[str, typer.Option(help="Experiment of the run; named as the pipeline by default.")] = "",
    run_name: Annotated[str, typer.Option(help="Name of the run; pipeline and time by default.")] = "",
    wait: Annotated[bool, typer.Option("--wait", help="Follow the run until it ends.")] = False,
    timeout: Annotated[int, typer.Option(min=1, help="Seconds that --wait waits at most.")] = _DAY_S,
    endpoint: Endpoint = "",
    namespace: Namespace = "kubeflow",
) -> None:
    """Run a pipeline on Kubeflow; its compiled file is uploaded when it is not there yet."""
    from foldline.kubeflow import runs
    from foldline_pipelines.kubeflow import follow
    from foldline_pipelines.local.localize import static_tasks

    ir, given = _given(pipeline, args, set_)
    connection, version = _uploaded(pipeline, ir, settings, endpoint, namespace)
    name = run_name or f"{version.pipeline}-{datetime.now():%Y%m%d-%H%M%S}"
    run_id = runs.start(connection, version, given, experiment=experiment or version.pipeline, name=name).run_id
    address = runs.address(connection, run_id)
    say(f"run {name} has begun: {address}")
    if not wait:
        say(f"next: open that address, or: kfp run get {run_id}")
        return
    ended = follow.follow(connection, run_id, static_tasks(ir), console, timeout_s=timeout)
    say(f"{name}: {ended.state.lower()}")
    if ended.state == "SUCCEEDED":
        say(f"next: open {address}")
        return
    for reason in ended.reasons:
        complain(reason)
    say(f"next: look at {address}, mend the cause, then submit again")
    raise typer.Exit(1)


def schedule_runs(
    pipeline: Annotated[str, typer.Argument(help="What to run: a name of foldline list, or a compiled file.")] = "",
    args: ArgsFile = None,
    set_: Assignments = [],
    cron: Annotated[
        str, typer.Option(metavar="EXPR", help="When, in UTC: 5 fields from the minute, or 6 from the second.")
    ] = "",
    every: Annotated[str, typer.Option(metavar="INTERVAL", help="How often: 90m, 12h, 7d, 2w.")] = "",
    name: Annotated[str, typer.Option(help="Name of the recurring run; that of the pipeline by default.")] = "",
    settings: SettingsFile = None,
    experiment: Annotated[str, typer.Option(help="Experiment of its runs; named as the pipeline by default.")] = "",
    list_: Annotated[bool, typer.Option("--list", help="List recurring runs.")] = False,
    show: Annotated[str, typer.Option(metavar="NAME", help="Show a recurring run.")] = "",
    pause: Annotated[str, typer.Option(metavar="NAME", help="Let a recurring run fire no more.")] = "",
    resume: Annotated[str, typer.Option(metavar="NAME", help="Let a paused recurring run fire again.")] = "",
    remove: Annotated[str, typer.Option(metavar="NAME", help="Delete a recurring run; its runs stay.")] = "",
    endpoint: Endpoint = "",
    namespace: Namespace = "kubeflow",
) -> None:
    """Make a recurring run on Kubeflow, or show, pause, resume and remove those that there are."""
    from foldline.kubeflow.connection import connect
    from foldline_pipelines.kubeflow import recurrence, schedule

    chosen = [one for one in (pipeline, list_, show, pause, resume, remove) if one]
    if len(chosen) != 1:
        raise ArgumentError(
            "foldline schedule",
            expected="a pipeline, or one of --list, --show, --pause, --resume and --remove",
            got=f"{len(chosen)} of them" if chosen else "none",
        )
    if pipeline:
        if bool(cron) == bool(every):
            got = "both" if cron else "none"
            raise ArgumentError("foldline schedule", expected="one of --cron and --every", got=got)
        parsed = recurrence.cron(cron) if cron else None
        interval_s = recurrence.interval(every) if every else 0
        ir, given = _given(pipeline, args, set_)
        connection, version = _uploaded(pipeline, ir, settings, endpoint, namespace)
        made = schedule.make(
            connection,
            version,
            given,
            name=name or version.pipeline,
            experiment=experiment or version.pipeline,
            cron=parsed,
            interval_s=interval_s,
        )
        _show(made)
        say(f"next: foldline schedule --show {made.display_name}, or --pause or --remove it")
        return
    connection = connect(endpoint, namespace)
    if list_:
        _list(schedule.listed(connection))
    elif show:
        _show(schedule.find(connection, show))
    elif pause:
        schedule.pause(connection, pause)
        say(f"{pause} is paused; next: foldline schedule --resume {pause}")
    elif resume:
        schedule.resume(connection, resume)
        _show(schedule.find(connection, resume))
    else:
        schedule.remove(connection, remove)
        say(f"{remove} is removed; its runs stay")


def _given(pipeline: str, args: Path | None, assignments: list[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The compiled pipeline, and the arguments that are given, all checked."""
    from foldline_pipelines.kubeflow.submit import reachable

    ir = representation(pipeline)
    declared = arguments.parameters(ir)
    given = arguments.read(args, assignments, declared)
    arguments.complete(given, declared)
    reachable(given, declared)
    return ir, given


def _uploaded(
    pipeline: str, ir: dict[str, Any], settings: Path | None, endpoint: str, namespace: str
) -> "tuple[Connection, Version]":
    """A connection, and the version on the server that holds the compiled pipeline with its settings."""
    from foldline.kubeflow.connection import connect
    from foldline_pipelines import compile as compiled
    from foldline_pipelines.kubeflow.upload import ensure_version
    from foldline_pipelines.settings import Settings, read

    chosen = read(settings) if settings else Settings()
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "pipeline.yaml"
        if is_file(pipeline):
            text = Path(pipeline).read_text(encoding="utf-8")
            file.write_text(compiled.with_settings(text, chosen, pipeline), encoding="utf-8")
        else:
            compiled.compile_pipeline(registry.load(registry.pipeline(pipeline)), file, {}, settings=chosen)
        connection = connect(endpoint, namespace)
        version = ensure_version(connection, file, ir["pipelineInfo"]["name"])
    say(f"pipeline {version.pipeline}, version {version.name}: {'uploaded' if version.uploaded else 'is there'}")
    return connection, version


def _list(found: list[Any]) -> None:
    from foldline_pipelines.kubeflow import schedule

    table = Table("name", "state", "fires", "next (UTC)", box=None, pad_edge=False)
    for one in found:
        times = schedule.next_times(one, datetime.now(UTC))
        next_time = f"{times[0]:%Y-%m-%d %H:%M:%S}" if times else ""
        table.add_row(one.display_name, schedule.state(one), schedule.when(one), next_time)
    console.print(table, soft_wrap=True)
    if not found:
        say("there are none; next: foldline schedule PIPELINE --args FILE --every 7d")


def _show(recurring: Any) -> None:
    from foldline_pipelines.kubeflow import schedule

    say(f"{recurring.display_name}: {schedule.state(recurring)}, fires {schedule.when(recurring)}, one run at a time")
    times = schedule.next_times(recurring, datetime.now(UTC))
    if times:
        say(f"next times in UTC: {', '.join(f'{time:%Y-%m-%d %H:%M:%S}' for time in times)}")
    given = recurring.runtime_config.parameters if recurring.runtime_config else None
    for name, value in sorted((given or {}).items()):
        text = repr(value)
        say(f"  {name}: {text if len(text) <= 100 else f'{text[:97]}...'}")
    if recurring.error and recurring.error.message:
        complain(recurring.error.message)
