"""Commands that run pipelines on this machine."""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from foldline._image import IMAGES
from foldline.errors import ArgumentError, RunError
from foldline_pipelines import arguments
from foldline_pipelines.cli.options import ArgsFile, Assignments, PipelineName, representation
from foldline_pipelines.cli.terminal import INTERRUPTED, complain, console, say
from foldline_pipelines.local import environments, folder, record


def run_pipeline(
    pipeline: PipelineName,
    args: ArgsFile = None,
    set_: Assignments = [],
    out: Annotated[Path | None, typer.Option(help="Folder of the run; a new one under runs/ by default.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue the run in --out.")] = False,
) -> None:
    """Run a pipeline on this machine and keep its record."""
    from foldline_pipelines.local import run as local_run

    if resume and out is None:
        raise ArgumentError("--resume", expected="the folder of the run in --out", got="none")
    ir = representation(pipeline)
    name = ir["pipelineInfo"]["name"]
    declared = arguments.parameters(ir)
    given = arguments.read(args, set_, declared)
    target = (out or Path("runs") / f"{name}-{datetime.now():%Y%m%d-%H%M%S}").absolute()
    earlier = folder.last_attempt(target, resume=resume)
    parameters = arguments.complete(_continued(given, earlier), declared)
    if parameters.get("store_uri") == "":
        parameters["store_uri"] = str(Path("models").absolute())
    if parameters.get("state_uri") == "":
        parameters["state_uri"] = str(Path("watch").absolute())
    if parameters.get("search") and parameters.get("checkpoint_uri") == "":
        # Each attempt has outputs of its own, and a search that was killed goes on from what it left.
        parameters["checkpoint_uri"] = str(target / "checkpoints")
    ended = local_run.run(ir, parameters, target, earlier, console)
    _report(ended, target, parameters)


def make_environments(
    names: Annotated[list[str] | None, typer.Argument(help="Names; all images by default.")] = None,
    test: Annotated[bool, typer.Option("--test", help="With the packages of the tests.")] = False,
) -> None:
    """Make the environments that stand for the images on this machine."""
    known = environments.names()
    unknown = [name for name in names or [] if name not in known]
    if unknown:
        raise ArgumentError("environment", expected=f"one of {', '.join(known)}", got=", ".join(unknown))
    with folder.writable(environments.root()):
        environments.make(names or list(IMAGES), extra=["test"] if test else [], say=say)
        if test and not names:
            environments.make(["s3"], extra=[], say=say)
            environments.add_to_running(["test"], say=say)
    say("environments are ready; next: foldline list")


def _continued(given: dict[str, Any], earlier: dict[str, Any]) -> dict[str, Any]:
    """Arguments of a continued run: those of its first attempt, which the given ones must equal."""
    first: dict[str, Any] = earlier.get("parameters", {})
    for name, value in given.items():
        if earlier and first.get(name) != value:
            raise RunError(
                name,
                expected=f"{_short(first.get(name))}, as in the run that is continued",
                got=_short(value),
                fix="Leave it out, or begin another run.",
            )
    return {**first, **given}


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _report(ended: dict[str, Any], target: Path, parameters: dict[str, Any]) -> None:
    """Say how the run ended and what can be done next; a run that did not succeed ends the command."""
    memory = record.bytes_in_words(ended["peak_memory_bytes"])
    say(f"{ended['pipeline']}: {ended['state']} in {ended['seconds']:.1f} s, peak memory {memory}")
    if ended["state"] == "failed":
        complain(ended["message"])
        log = next((task["log"] for task in ended["tasks"] if task["state"] == "failed"), "logs/engine.log")
        complain(f"log: {target / log}")
    for task in ended["tasks"]:
        if scores := record.scores(task):
            say(f"{task['task']}: {', '.join(scores)}")
    say(f"report: {target / 'index.html'}")
    if ended["state"] == "succeeded":
        say("next: open the report in a browser")
        compared = any(task["task"] == "compare-models" for task in ended["tasks"])
        if compared and parameters.get("store_uri") and parameters.get("model_name"):
            promoted = "promote" in _verdicts(ended)
            serve = f"foldline serve --store {parameters['store_uri']} --model {parameters['model_name']}"
            say(f"      {serve}" if promoted else "      no model was promoted; the report of compare-models says why")
        return
    say(f"next: mend the cause, then run the same command with --out {target} --resume")
    raise typer.Exit(INTERRUPTED if ended["state"] == "interrupted" else 1)


def _verdicts(ended: dict[str, Any]) -> set[str]:
    """What the tasks of a run decided."""
    made = [artifact["metadata"] for task in ended["tasks"] for artifact in task.get("artifacts", {}).values()]
    return {metadata["verdict"] for metadata in made if "verdict" in metadata}
