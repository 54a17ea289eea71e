"""Options that several commands take, and what they read."""

from pathlib import Path
from typing import Annotated, Any

import typer

from foldline_pipelines import registry

PipelineName = Annotated[str, typer.Argument(help="A name of foldline list, or a compiled YAML file.")]
ArgsFile = Annotated[Path | None, typer.Option("--args", metavar="FILE", help="YAML file of arguments.")]
Assignments = Annotated[list[str], typer.Option("--set", metavar="NAME=VALUE", help="One argument; may be repeated.")]
SettingsFile = Annotated[
    Path | None,
    typer.Option("--settings", metavar="FILE", help="YAML file of cluster settings: pull secrets, scratch, time-outs."),
]
Endpoint = Annotated[str, typer.Option(help="Address of Kubeflow Pipelines; as the kfp client finds it by default.")]
Namespace = Annotated[str, typer.Option(help="Namespace, as the kfp client takes it.")]


def representation(pipeline: str) -> dict[str, Any]:
    """The compiled form of a pipeline that is named, or given as a compiled file."""
    from foldline_pipelines import compile as compiled

    if is_file(pipeline):
        return compiled.load(Path(pipeline))
    return compiled.representation(registry.load(registry.pipeline(pipeline)))


def is_file(pipeline: str) -> bool:
    """Whether a pipeline is given as a compiled file."""
    return pipeline.endswith((".yaml", ".yml"))
