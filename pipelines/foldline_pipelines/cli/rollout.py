"""The command that shows and steers a rollout; it becomes a program of the server's environment."""

from enum import StrEnum
from typing import Annotated

import typer

from foldline_pipelines.cli.serving import Model, Store, become


class Action(StrEnum):
    """What can be done with a rollout."""

    SHOW = "show"
    APPROVE = "approve"
    PAUSE = "pause"
    RESUME = "resume"
    ABORT = "abort"


def rollout(
    action: Annotated[Action, typer.Argument(help="What to do with the rollout on this machine.")],
    store: Store,
    model: Model,
) -> None:
    """Show where a canary stands, approve its next step, pause, resume or abort it."""
    become("server", "foldline.serving.deploy_canary", [action.value, "--store", store, "--model", model])
