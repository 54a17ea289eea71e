"""`foldline doctor`."""

import os
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from foldline.errors import ArgumentError
from foldline_pipelines.doctor.findings import NEEDS, Finding, Status

_STYLES = {Status.OK: "green", Status.MISSING: "red", Status.UNKNOWN: "yellow", Status.INFO: "dim"}
_USUAL_NAMESPACE = "kubeflow"
MOST_NAMED = 3


def doctor(
    pipeline: Annotated[str, typer.Argument(help="A name of foldline list; all pipelines by default.")] = "",
    namespace: Annotated[
        str, typer.Option(help="Namespace of the runs; that of the kubeconfig's context, else kubeflow, by default.")
    ] = "",
    service_account: Annotated[
        str, typer.Option(help="Account of the pipelines' pods; your own permissions are checked by default.")
    ] = "",
    endpoint: Annotated[
        str, typer.Option(help="Address of Kubeflow Pipelines; KF_PIPELINES_ENDPOINT by default.")
    ] = "",
) -> None:
    """Say what the cluster of the kubeconfig lacks for the pipelines, and how to mend it."""
    if pipeline and pipeline not in NEEDS:
        raise ArgumentError("pipeline", expected=f"one of {', '.join(NEEDS)}", got=repr(pipeline))
    # The client of Kubernetes takes half a second to import.
    from foldline.cluster.connection import open_api
    from foldline_pipelines.doctor.checks import check
    from foldline_pipelines.doctor.gather import gather

    chosen = [pipeline] if pipeline else list(NEEDS)
    api, own = open_api()
    # No Kubeflow runs in the namespace that a context without one stands for.
    space = namespace or (own if own != "default" else _USUAL_NAMESPACE)
    facts = gather(api, space, service_account, endpoint or os.environ.get("KF_PIPELINES_ENDPOINT", ""))
    console = Console(highlight=False)
    of_pods = f"service account {service_account}" if service_account else facts.user
    _say(console, f"{', '.join(chosen)} in namespace {space}; permissions of pods: {of_pods}")
    findings = check(facts, chosen)
    show(console, findings)
    if report(console, findings):
        raise typer.Exit(1)


def show(console: Console, findings: list[Finding]) -> None:
    """A line for each finding, in columns; lines are not broken, so that each can be searched for."""
    heads = ("what", "status", "found")
    rows = [(finding.what, finding.status.value, finding.found) for finding in findings]
    what, status = (max(len(row[column]) for row in (heads, *rows)) for column in (0, 1))
    _say(console, f"{heads[0]:{what}}  {heads[1]:{status}}  {heads[2]}")
    for finding in findings:
        line = Text(f"{finding.what:{what}}  ")
        line.append(f"{finding.status.value:{status}}", _STYLES[finding.status])
        console.print(line.append(f"  {finding.found}"), soft_wrap=True)


def report(console: Console, findings: list[Finding]) -> bool:
    """Say how to mend what is not well, each cure once; whether something is missing."""
    cures: dict[str, list[str]] = {}
    for finding in findings:
        if finding.fix:
            cures.setdefault(finding.fix, []).append(finding.what)
    for cure, ailing in cures.items():
        others = f" and {len(ailing) - MOST_NAMED} more" if len(ailing) > MOST_NAMED else ""
        _say(console, f"{', '.join(ailing[:MOST_NAMED])}{others}:\n    {cure}")
    missing = sum(finding.status is Status.MISSING for finding in findings)
    unknown = sum(finding.status is Status.UNKNOWN for finding in findings)
    rest = f"; {unknown} cannot be told" if unknown else ""
    _say(console, f"{missing or 'nothing'} missing{rest}")
    _say(console, "next: mend what is missing, then foldline doctor again" if missing else "next: foldline submit")
    return bool(missing)


def _say(console: Console, line: str) -> None:
    console.print(line, markup=False, highlight=False, soft_wrap=True)
