"""Commands about models in a store; each becomes a program of another environment."""

import os
from typing import Annotated, NoReturn

import typer

from foldline.serving.site.state import STATE, default_folder
from foldline_pipelines.cli.terminal import say
from foldline_pipelines.local import environments

Store = Annotated[str, typer.Option(help="Folder or bucket of the model store.")]
Model = Annotated[str, typer.Option(help="Name of the model in the store.")]


def serve(
    store: Store,
    model: Model,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8501,
    log_to: Annotated[str, typer.Option(help="Folder or address for a log of the champion's requests.")] = "",
) -> None:
    """Serve the champion until the command is stopped."""
    options = ["--store", store, "--model", model, "--host", host, "--port", str(port)]
    logging = ["--log-to", log_to] if log_to else []
    become("server", "foldline.serving.site", ["serve", *options, *logging])


def rollback(store: Store, model: Model) -> None:
    """Give the alias champion back to the version that had it before; what serves on this machine follows."""
    options = ["rollback", "--store", store, "--model", model]
    if (default_folder(store, model) / STATE).exists():
        become("server", "foldline.serving.site", options)
    else:
        become("launcher", "foldline.store", options)


def become(environment: str, module: str, options: list[str]) -> NoReturn:
    """Replace this process by a module that runs in another environment."""
    environments.make([environment], extra=[], say=say)
    python = str(environments.interpreter(environment))
    os.execv(python, [python, "-m", module, *options])
