"""The `foldline` command."""

import sys

import typer
from rich.console import Console

from foldline.errors import ArgumentError, FoldlineError
from foldline_pipelines.cli import cluster, files, local, rollout, serving, watch
from foldline_pipelines.cli.terminal import INTERRUPTED
from foldline_pipelines.doctor.command import doctor

app = typer.Typer(
    help="Run Foldline's pipelines on this machine or on Kubeflow.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("run")(local.run_pipeline)
app.command("compile")(files.compile_file)
app.command("submit")(cluster.submit_run)
app.command("schedule")(cluster.schedule_runs)
app.command("doctor")(doctor)
app.command("watch")(watch.watch)
app.command("list")(files.list_all)
app.command("environments")(local.make_environments)
app.command("serve")(serving.serve)
app.command("rollback")(serving.rollback)
app.command("rollout")(rollout.rollout)


def main() -> None:
    """Entry point: an error of Foldline's family is one line on stderr; status 2 for arguments, else 1."""
    try:
        app()
    except FoldlineError as error:
        Console(stderr=True).print(str(error), style="red", markup=False, highlight=False, soft_wrap=True)
        sys.exit(2 if isinstance(error, ArgumentError) else 1)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
