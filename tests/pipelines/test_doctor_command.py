"""What `foldline doctor` prints, and its faults before any cluster is asked."""

import io
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from foldline_pipelines import registry
from foldline_pipelines.doctor.command import report, show
from foldline_pipelines.doctor.findings import Finding, Status

Call = Callable[..., subprocess.CompletedProcess[str]]
OK = Finding("Kubernetes", Status.OK, "v1.34.4")
UNKNOWN = Finding("accelerators", Status.UNKNOWN, "no permission to list nodes")


def lost(name: str) -> Finding:
    return Finding(name, Status.MISSING, "none", "kubectl apply -k manifests/overlays/standalone")


def printed(findings: list[Finding]) -> tuple[list[str], bool]:
    """Lines on a narrow terminal, and whether something is missing."""
    text = io.StringIO()
    console = Console(width=40, file=text)
    show(console, findings)
    missing = report(console, findings)
    return text.getvalue().splitlines(), missing


def test_each_finding_is_one_line_however_narrow_the_terminal() -> None:
    lines, _ = printed([OK, UNKNOWN])
    assert lines[:3] == [
        "what          status   found",
        "Kubernetes    ok       v1.34.4",
        "accelerators  unknown  no permission to list nodes",
    ]


def test_a_cure_is_told_once_for_all_that_it_mends() -> None:
    lines, missing = printed([OK, *(lost(name) for name in "abcde")])
    assert missing
    assert lines[-4:] == [
        "a, b, c and 2 more:",
        "    kubectl apply -k manifests/overlays/standalone",
        "5 missing",
        "next: mend what is missing, then foldline doctor again",
    ]


def test_what_cannot_be_told_is_counted_and_fails_nothing() -> None:
    lines, missing = printed([OK, UNKNOWN])
    assert not missing
    assert lines[-2:] == ["nothing missing; 1 cannot be told", "next: foldline submit"]


def test_an_unknown_pipeline_is_refused_before_the_cluster_is_asked(foldline: Call) -> None:
    ended = foldline("doctor", "no_such")
    assert (ended.returncode, ended.stdout) == (2, "")
    known = ", ".join(registry.pipelines())
    assert ended.stderr == f"pipeline: expected one of {known}, got 'no_such'.\n"


def test_without_a_kubeconfig_the_fault_is_one_line(
    foldline: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none.yaml"))
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    ended = foldline("doctor")
    assert (ended.returncode, ended.stdout, len(ended.stderr.splitlines())) == (1, "", 1)
    assert ended.stderr.startswith("connection to Kubernetes: expected a pod with a service account's token, or a kube")
