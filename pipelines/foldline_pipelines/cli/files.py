"""Commands about pipelines as files."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from foldline.errors import ArgumentError
from foldline_pipelines import arguments, registry
from foldline_pipelines.cli.options import ArgsFile, Assignments, SettingsFile
from foldline_pipelines.cli.terminal import console, say
from foldline_pipelines.local import folder


def compile_file(
    pipeline: Annotated[str, typer.Argument(help="A name of foldline list.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="YAML file to write.")],
    args: ArgsFile = None,
    set_: Assignments = [],
    settings: SettingsFile = None,
    kubernetes_manifests: Annotated[
        bool, typer.Option("--kubernetes-manifests", help="Write Pipeline and PipelineVersion objects.")
    ] = False,
) -> None:
    """Write a pipeline as a file for Kubeflow, with arguments as its defaults."""
    from foldline_pipelines import compile as compiled
    from foldline_pipelines.settings import Settings, read

    function = registry.load(registry.pipeline(pipeline))
    given = arguments.read(args, set_, arguments.parameters(compiled.representation(function)))
    chosen = read(settings) if settings else Settings()
    if output.suffix not in (".yaml", ".yml"):
        raise ArgumentError("--output", expected="a file that ends in .yaml", got=str(output))
    with folder.writable(output):
        compiled.compile_pipeline(function, output, given, kubernetes_manifests=kubernetes_manifests, settings=chosen)
    say(f"{output} is written")
    say(
        f"next: kubectl apply -f {output}"
        if kubernetes_manifests
        else f"next: kfp pipeline create -p {pipeline} {output}"
    )


def list_all() -> None:
    """List pipelines and components."""
    for title, entries in (("pipeline", registry.pipelines()), ("component", registry.components())):
        table = Table(title, "", box=None, pad_edge=False)
        for name, entry in entries.items():
            table.add_row(name, entry.description)
        console.print(table, "", soft_wrap=True)
    say("next: foldline run cross_validate --set dataset_uri=FILE --set label=COLUMN")
