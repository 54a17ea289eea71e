"""The `foldline` command."""

import os
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.table import Table

from foldline._image import IMAGES
from foldline.errors import ArgumentError, FoldlineError, RunError
from foldline_pipelines import arguments, registry
from foldline_pipelines.local import environments, folder, record

app = typer.Typer(
    help="Run Foldline's pipelines on this machine, and compile them for Kubeflow.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
console = Console()
_INTERRUPTED = 130

ArgsFile = Annotated[Path | None, typer.Option("--args", metavar="FILE", help="YAML file of arguments.")]
Settings = Annotated[list[str], typer.Option("--set", metavar="NAME=VALUE", help="One argument; may be repeated.")]
Store = Annotated[str, typer.Option(help="Folder or bucket of the model store.")]
Model = Annotated[str, typer.Option(help="Name of the model in the store.")]


@app.command("run")
def run_pipeline(
    pipeline: Annotated[str, typer.Argument(help="A name of foldline list, or a compiled YAML file.")],
    args: ArgsFile = None,
    set_: Settings = [],
    out: Annotated[Path | None, typer.Option(help="Folder of the run; a new one under runs/ by default.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue the run in --out.")] = False,
) -> None:
    """Run a pipeline on this machine and keep its record."""
    from foldline_pipelines.local import run as local_run

    if resume and out is None:
        raise ArgumentError("--resume", expected="the folder of the run in --out", got="none")
    ir = _representation(pipeline)
    name = ir["pipelineInfo"]["name"]
    declared = arguments.parameters(ir)
    given = arguments.read(args, set_, declared)
    target = (out or Path("runs") / f"{name}-{datetime.now():%Y%m%d-%H%M%S}").absolute()
    earlier = folder.last_attempt(target, resume=resume)
    parameters = arguments.complete(_continued(given, earlier), declared)
    if parameters.get("store_uri") == "":
        parameters["store_uri"] = str(Path("models").absolute())
    ended = local_run.run(ir, parameters, target, earlier, console)
    _report(ended, target, parameters)


@app.command("compile")
def compile_file(
    pipeline: Annotated[str, typer.Argument(help="A name of foldline list.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="YAML file to write.")],
    args: ArgsFile = None,
    set_: Settings = [],
    kubernetes_manifests: Annotated[
        bool, typer.Option("--kubernetes-manifests", help="Write Pipeline and PipelineVersion objects.")
    ] = False,
) -> None:
    """Write a pipeline as a file for Kubeflow, with arguments as its defaults."""
    from foldline_pipelines import compile as compiled

    function = registry.load(registry.pipeline(pipeline))
    given = arguments.read(args, set_, arguments.parameters(compiled.representation(function)))
    if output.suffix not in (".yaml", ".yml"):
        raise ArgumentError("--output", expected="a file that ends in .yaml", got=str(output))
    with folder.writable(output):
        compiled.compile_pipeline(function, output, given, kubernetes_manifests=kubernetes_manifests)
    _say(f"{output} is written")
    _say(
        f"next: kubectl apply -f {output}"
        if kubernetes_manifests
        else f"next: kfp pipeline create -p {pipeline} {output}"
    )


@app.command("list")
def list_all() -> None:
    """List pipelines and components."""
    for title, entries in (("pipeline", registry.pipelines()), ("component", registry.components())):
        table = Table(title, "", box=None, pad_edge=False)
        for name, entry in entries.items():
            table.add_row(name, entry.description)
        console.print(table, "", soft_wrap=True)
    _say("next: foldline run cross_validate --set dataset_uri=FILE --set label=COLUMN")


@app.command("environments")
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
        environments.make(names or list(IMAGES), extra=["test"] if test else [], say=_say)
        if test and not names:
            environments.make(["s3"], extra=[], say=_say)
            environments.add_to_running(["test"], say=_say)
    _say("environments are ready; next: foldline list")


@app.command()
def serve(
    store: Store,
    model: Model,
    alias: Annotated[str, typer.Option(help="Alias whose version is served.")] = "champion",
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8501,
) -> None:
    """Serve a model of the store until the command is stopped."""
    options = ["--store", store, "--model", model, "--alias", alias, "--host", host, "--port", str(port)]
    _become("server", "foldline.serving.server", options)


@app.command()
def rollback(store: Store, model: Model) -> None:
    """Give the alias champion back to the version that had it before."""
    _become("launcher", "foldline.store", ["rollback", "--store", store, "--model", model])


def main() -> None:
    """Entry point: an error of Foldline's family is one line on stderr; status 2 for arguments, else 1."""
    try:
        app()
    except FoldlineError as error:
        Console(stderr=True).print(str(error), style="red", markup=False, highlight=False, soft_wrap=True)
        sys.exit(2 if isinstance(error, ArgumentError) else 1)
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)


def _say(line: str) -> None:
    console.print(line, markup=False, highlight=False, soft_wrap=True)


def _representation(pipeline: str) -> dict[str, Any]:
    from foldline_pipelines import compile as compiled

    if pipeline.endswith((".yaml", ".yml")):
        return compiled.load(Path(pipeline))
    return compiled.representation(registry.load(registry.pipeline(pipeline)))


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
    _say(f"{ended['pipeline']}: {ended['state']} in {ended['seconds']:.1f} s, peak memory {memory}")
    if ended["state"] == "failed":
        error = Console(stderr=True)
        error.print(ended["message"], style="red", markup=False, highlight=False, soft_wrap=True)
        log = next((task["log"] for task in ended["tasks"] if task["state"] == "failed"), "logs/engine.log")
        error.print(f"log: {target / log}", markup=False, highlight=False, soft_wrap=True)
    for task in ended["tasks"]:
        if scores := record.scores(task):
            _say(f"{task['task']}: {', '.join(scores)}")
    _say(f"report: {target / 'index.html'}")
    if ended["state"] == "succeeded":
        _say("next: open the report in a browser")
        if parameters.get("store_uri") and parameters.get("model_name"):
            promoted = "promote" in _verdicts(ended)
            serve = f"foldline serve --store {parameters['store_uri']} --model {parameters['model_name']}"
            _say(f"      {serve}" if promoted else "      no model was promoted; the report of compare-models says why")
        return
    _say(f"next: mend the cause, then run the same command with --out {target} --resume")
    raise typer.Exit(_INTERRUPTED if ended["state"] == "interrupted" else 1)


def _verdicts(ended: dict[str, Any]) -> set[str]:
    """What the tasks of a run decided."""
    made = [artifact["metadata"] for task in ended["tasks"] for artifact in task.get("artifacts", {}).values()]
    return {metadata["verdict"] for metadata in made if "verdict" in metadata}


def _become(environment: str, module: str, options: list[str]) -> NoReturn:
    """Replace this process by a module that runs in another environment."""
    environments.make([environment], extra=[], say=_say)
    python = str(environments.interpreter(environment))
    os.execv(python, [python, "-m", module, *options])
