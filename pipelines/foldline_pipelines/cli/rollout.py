"""The command that shows and steers a rollout; it becomes a program of the server's environment."""

from enum import StrEnum
from typing import Annotated

import typer

from foldline.errors import ArgumentError
from foldline_pipelines.cli.serving import Model, become


class Action(StrEnum):
    """What can be done with a rollout."""

    SHOW = "show"
    APPROVE = "approve"
    PAUSE = "pause"
    RESUME = "resume"
    ABORT = "abort"


def rollout(
    action: Annotated[Action, typer.Argument(help="What to do with the rollout.")],
    model: Model,
    store: Annotated[str, typer.Option(help="Model store, of a rollout on this machine.")] = "",
    namespace: Annotated[str, typer.Option(help="Namespace, of a rollout on a cluster.")] = "",
) -> None:
    """Show where a canary stands, approve its next step, pause, resume or abort it."""
    if bool(store) == bool(namespace):
        raise ArgumentError("--store, --namespace", expected="one of the two", got="both" if store else "none")
    where = ["--store", store] if store else ["--namespace", namespace]
    become("server", "foldline.serving.deploy_canary", [action.value, "--model", model, *where])
