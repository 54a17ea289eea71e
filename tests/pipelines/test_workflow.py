"""Tasks of a run, read from its Workflow."""

import pytest

from builders.kubeflow import workflow as made
from foldline_pipelines.kubeflow import workflow


@pytest.mark.parametrize(
    ("phase", "state"),
    [
        ("Pending", "waiting"),
        ("Running", "running"),
        ("Succeeded", "succeeded"),
        ("Skipped", "cached"),
        ("Failed", "failed"),
        ("Error", "failed"),
    ],
)
def test_a_task_has_the_state_of_its_executor(phase: str, state: str) -> None:
    (task,) = workflow.tasks(made({"note": phase}))
    assert (task["task"], task["state"]) == ("note", state)


def test_a_task_runs_as_soon_as_its_driver_runs() -> None:
    manifest = made({})
    manifest["status"]["nodes"]["a"] = {"id": "a-1", "name": "count-x7k2p.root.note-driver(0)", "phase": "Succeeded"}
    assert workflow.tasks(manifest) == [{"task": "note", "state": "running"}]


def test_a_condition_shows_only_in_what_it_lets_run_and_where_it_fails() -> None:
    manifest = made({"condition-branches-1.condition-4.without-search": "Succeeded"})
    branches = "count-x7k2p.root.condition-branches-1"
    for number, (name, phase, template) in enumerate(
        [
            (f"{branches}-driver(0)", "Succeeded", "system-dag-driver"),
            (f"{branches}(0).condition-2-driver(0)", "Succeeded", "system-dag-driver"),
            (f"{branches}(0).condition-2", "Skipped", "comp-condition-2"),
            (f"{branches}(0).condition-3-driver(0)", "Failed", "system-dag-driver"),
        ]
    ):
        node = {"id": f"b-{number}", "name": name, "phase": phase, "templateName": template}
        manifest["status"]["nodes"][f"b{number}"] = node
    states = {one["task"]: one["state"] for one in workflow.tasks(manifest)}
    assert states == {"without-search": "succeeded", "condition-3": "failed"}


def test_of_several_attempts_the_last_counts_and_a_sub_pipeline_is_a_path() -> None:
    manifest = made({"inner.note": "Succeeded"})
    (identity,) = [key for key, node in manifest["status"]["nodes"].items() if node["name"].endswith("executor(0)")]
    first = {
        **manifest["status"]["nodes"][identity],
        "id": "x-0",
        "phase": "Failed",
        "startedAt": "2026-11-20T00:00:00Z",
    }
    manifest["status"]["nodes"]["first"] = first
    assert [(task["task"], task["state"]) for task in workflow.tasks(manifest)] == [("inner.note", "succeeded")]
    assert workflow.failed_pods(manifest) == []


def test_a_failed_pod_is_named_as_argo_names_it() -> None:
    (pod,) = workflow.failed_pods(made({"note": "Failed"}, message="Error (exit code 1)"))
    assert (pod.task, pod.message) == ("note", "Error (exit code 1)")
    assert pod.name == "count-x7k2p-system-container-impl-12"


@pytest.mark.parametrize(
    ("log", "reason"),
    [
        (
            "Traceback\n  File\nfoldline.errors.DataError: a: expected b, got c.\nF1121 12:00:02 main.go:49] exit",
            "a: expected b, got c.",
        ),
        ("ValueError: wrong\nand a line after it\n", "wrong"),
        ("only words\n", "only words"),
        ("I1121 12:00:01.1 1 main.go:9] args\nF1121 12:00:02.2 1 main.go:95] no such secret\n", "no such secret"),
        ('time="2026-11-21T00:00:00" level=info msg="sub-process exited"\n', ""),
        ("", ""),
    ],
)
def test_the_reason_is_the_error_at_the_end_of_the_log(log: str, reason: str) -> None:
    assert workflow.reason(log) == reason
