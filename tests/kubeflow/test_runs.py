"""Runs: types, artifacts, caching, failures, and what the pods were given."""

import json
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from builders import acceptance_pipelines
from builders.acceptance import GPU, accelerator_node, placed_on, pods_by_node, run_id, table
from foldline.errors import RunError
from foldline.kubeflow import connection, runs
from foldline.kubeflow.versions import find_version
from foldline_pipelines import arguments
from foldline_pipelines.compile import compile_pipeline, load
from foldline_pipelines.kubeflow import upload

Ended = subprocess.CompletedProcess[str]
Seen = Callable[[str], dict[str, Any]]


@pytest.fixture(scope="module")
def first(foldline: Callable[..., Ended], small: Path, unique: str) -> Ended:
    words = ("--set", "rows=5", "--set", f"text=by foldline {unique}", "--set", "settings={depth: 7, names: [c]}")
    return foldline("submit", small, *words, "--experiment", f"acceptance-{unique}", "--wait")


def test_foldline_submits_and_follows_a_run_to_its_end(first: Ended) -> None:
    assert first.returncode == 0, first.stdout + first.stderr
    for task in ("make", "show", "refuse"):
        assert f"{task}: succeeded" in first.stdout


def test_parameters_arrive_with_their_types(first: Ended, seen: Seen) -> None:
    assert seen(run_id(first))["parameters"] == [{"depth": 7, "names": ["c"]}, ["one", "two"], 0.5, True]


def test_metrics_roc_curve_confusion_matrix_and_page_are_what_the_ui_draws(
    first: Ended, seen: Seen, unique: str
) -> None:
    found = seen(run_id(first))
    assert found["metrics"]["rows"] == 5
    assert found["metrics"]["share"] == 0.25
    curve = found["classification"]["confidenceMetrics"]
    assert [point["recall"] for point in curve] == [0.0, 0.75, 1.0]
    matrix = found["classification"]["confusionMatrix"]
    assert [one["displayName"] for one in matrix["annotationSpecs"]] == ["no", "yes"]
    assert f"<p>by foldline {unique}</p>" in found["page"]


def test_a_pod_gets_shared_memory_and_starts_without_the_secret_of_keys(first: Ended, seen: Seen) -> None:
    assert seen(run_id(first))["shared_memory"] == "tmpfs"


def test_a_second_run_takes_from_the_cache_what_may_be_cached(
    first: Ended, foldline: Callable[..., Ended], small: Path, unique: str, states: Callable[[str], dict[str, str]]
) -> None:
    assert first.returncode == 0, first.stderr
    words = ("--set", "rows=5", "--set", f"text=by foldline {unique}", "--set", "settings={depth: 7, names: [c]}")
    second = foldline("submit", small, *words, "--experiment", f"acceptance-{unique}", "--wait")
    assert second.returncode == 0, second.stdout + second.stderr
    assert states(run_id(second)) == {"make": "cached", "show": "succeeded", "refuse": "succeeded"}
    assert "make: cached" in second.stdout


def test_a_failing_run_names_its_task_and_message(foldline: Callable[..., Ended], small: Path) -> None:
    failed = foldline("submit", small, "--set", "message=the disk of the moon is full", "--wait")
    assert failed.returncode == 1, failed.stdout
    assert "refuse: the disk of the moon is full" in failed.stderr
    assert "refuse: failed" in failed.stdout


@pytest.mark.parametrize("by", ["file", "version"])
def test_kfp_runs_the_same_file(
    by: str,
    kfp: Callable[..., Ended],
    api: connection.Connection,
    small: Path,
    unique: str,
    ended: Callable[[str], str],
    seen: Seen,
) -> None:
    version = upload.ensure_version(api, small, f"foldline-acceptance-{unique}")
    source = ["-f", str(small)] if by == "file" else ["-n", version.pipeline, "-v", version.version_id]
    words = ["-e", f"acceptance-{unique}", "-r", f"by-kfp-{by}-{unique}", *source]
    created = kfp("run", "create", *words, "rows=4", "share=0.75", 'names=["x"]', "flag=false")
    assert created.returncode == 0, created.stderr
    run = json.loads(created.stdout[created.stdout.index("{") :])["run_id"]
    assert ended(run) == "SUCCEEDED"
    assert seen(run)["parameters"] == [{"depth": 2, "names": ["a", "b"]}, ["x"], 0.75, False]


def test_a_run_that_the_server_refuses_is_told_in_its_words(
    api: connection.Connection, foldline: Callable[..., Ended], small: Path, unique: str
) -> None:
    version = upload.ensure_version(api, small, f"foldline-acceptance-{unique}")
    with pytest.raises(RunError, match=r"run/wrong: .* got 400 .*rows"):
        runs.start(api, version, {"rows": "three"}, experiment=f"acceptance-{unique}", name="wrong")


def test_a_run_is_found_by_its_name_and_ended(
    api: connection.Connection, small: Path, unique: str, ended: Callable[[str], str]
) -> None:
    version = upload.ensure_version(api, small, f"foldline-acceptance-{unique}")
    for name in ("", version.name):
        assert find_version(api, version.pipeline, name) == version._replace(uploaded=False)
    with pytest.raises(RunError, match=f"expected a version of this name, got none. There are: .*{version.name}"):
        find_version(api, version.pipeline, "never-uploaded")
    name, before = f"found-{unique}", datetime.now(UTC) - timedelta(minutes=10)
    made = [
        runs.start(api, version, {}, experiment=f"acceptance-{unique}", name=name, description="twice") for _ in "ab"
    ]
    found = runs.of_name(api, name)
    assert {run.run_id for run in found} == {run.run_id for run in made}
    assert found[0].created_at <= found[1].created_at
    assert {run.description for run in found} == {"twice"}
    assert {run.pipeline_version_reference.pipeline_id for run in found} == {version.pipeline_id}
    assert {run.run_id for run in found} <= {run.run_id for run in runs.since(api, before)}
    runs.terminate(api, found[1].run_id)
    assert ended(found[1].run_id) == "CANCELED"


def test_the_pod_has_its_time_limit_and_no_accelerator(
    first: Ended, kubectl: Callable[..., str], namespace: str
) -> None:
    text = kubectl("get", "pods", "-n", namespace, "-l", f"pipeline/runid={run_id(first)}", "-o", "json")
    limited = [pod for pod in json.loads(text)["items"] if pod["spec"].get("activeDeadlineSeconds") == 3600]
    assert limited, "no pod of the run has the time limit of the task show"
    for pod in limited:
        (main,) = [one for one in pod["spec"]["containers"] if one["name"] == "main"]
        assert main["resources"].get("limits", {}).get("nvidia.com/gpu", "0") == "0"


def test_a_pod_that_asks_for_an_accelerator_lands_where_there_is_one(
    foldline: Callable[..., Ended], small: Path, kubectl: Callable[..., str], namespace: str
) -> None:
    node = accelerator_node(kubectl)
    if node is None:
        pytest.skip(f"no node advertises {GPU}")
    done = foldline("submit", small, *placed_on(node), "--wait")
    assert done.returncode == 0, done.stdout + done.stderr
    asking, others = pods_by_node(kubectl, namespace, run_id(done))
    assert asking == {node["metadata"]["name"]: 1}
    if node["spec"].get("taints"):
        assert node["metadata"]["name"] not in others


def test_what_training_leaves_is_what_the_ui_draws(foldline: Callable[..., Ended], tmp_path: Path, seen: Seen) -> None:
    file = tmp_path / "training.yaml"
    compile_pipeline(acceptance_pipelines.training, file, {})
    done = foldline("submit", file, *table(arguments.parameters(load(file))), "--wait")
    assert done.returncode == 0, done.stdout + done.stderr
    found = seen(run_id(done))
    assert 0.0 < found["metrics"]["roc_auc"] <= 1.0
    assert len(found["classification"]["confidenceMetrics"]) > 2
    assert found["page"].lower().startswith("<!doctype html")
