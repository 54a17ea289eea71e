"""The whole line on a Kubeflow: from a table in a bucket to a champion, and by a recurring run to its server."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from builders.acceptance import (
    GPU,
    accelerator_node,
    first_run_of,
    given,
    placed_on,
    pods_by_node,
    recurring_run,
    run_id,
)
from foldline.kubeflow import connection

Ended = subprocess.CompletedProcess[str]
TASKS = {
    "ingest-dataset",
    "validate-data",
    "assign-folds",
    "transform-features",
    "without-search",
    "train-folds",
    "train-model",
    "evaluate-model",
    "compare-models",
    "deploy-canary",
}
WHOLE_S = 3600


@pytest.fixture(scope="module")
def arguments(unique: str) -> list[str]:
    words = [f"--args={file}"] if (file := os.environ.get("KFP_ARGUMENTS")) else []
    for name, value in {
        "dataset_uri": given("KFP_DATASET_URI", "a table in a bucket that the pods reach"),
        "label": given("KFP_LABEL", "the column to predict"),
        "store_uri": f"{given('KFP_STORE_URI', 'a bucket for the model store')}/{unique}",
        "epochs": "3",
    }.items():
        words += ["--set", f"{name}={value}"]
    return words


@pytest.fixture(scope="module")
def submit(
    foldline: Callable[..., Ended], arguments: list[str], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[], Ended]:
    """A run whose ingestion may come from the cache."""
    settings = tmp_path_factory.mktemp("settings") / "settings.yaml"
    settings.write_text("cache: {ingest-dataset: true}\n")
    words = ["train_and_serve", *arguments, "--settings", settings, "--wait", "--timeout", str(WHOLE_S)]
    return lambda: foldline("submit", *words, timeout=WHOLE_S + 60)


@pytest.fixture(scope="module")
def first(submit: Callable[[], Ended]) -> Ended:
    return submit()


def test_every_task_succeeds(first: Ended, states: Callable[[str], dict[str, str]]) -> None:
    assert first.returncode == 0, first.stdout + first.stderr
    assert states(run_id(first)) == dict.fromkeys(TASKS, "succeeded")


def test_a_second_run_repeats_only_what_looks_at_the_store(
    first: Ended, submit: Callable[[], Ended], states: Callable[[str], dict[str, str]]
) -> None:
    assert first.returncode == 0, first.stderr
    second = submit()
    assert second.returncode == 0, second.stdout + second.stderr
    again = {"compare-models", "deploy-canary"}
    assert states(run_id(second)) == {task: "succeeded" if task in again else "cached" for task in TASKS}


class Fired(NamedTuple):
    """A run that a recurring run started: the name of both and of the model, and where its training was sent."""

    name: str
    run: str
    node: dict[str, Any] | None
    served: bool


@pytest.fixture(scope="module")
def fired(
    foldline: Callable[..., Ended],
    api: connection.Connection,
    arguments: list[str],
    kubectl: Callable[..., str],
    namespace: str,
    unique: str,
) -> Iterator[Fired]:
    """With KServe and a GPU where the cluster has them."""
    name = f"nightly-{unique}"
    node = accelerator_node(kubectl)
    served = "inferenceservices.serving.kserve.io" in kubectl("get", "crd", "-o", "name")
    words = [*arguments, "--set", f"model_name={name}", *(placed_on(node) if node else [])]
    words += ["--set", "serving_backend=kserve"] if served else []
    made = foldline("schedule", "train_and_serve", *words, "--every", "60s", "--name", name)
    assert made.returncode == 0, made.stderr
    run = first_run_of(api, recurring_run(api, name).recurring_run_id)
    paused = foldline("schedule", "--pause", name)
    assert paused.returncode == 0, paused.stderr
    yield Fired(name, run, node, served)
    foldline("schedule", "--remove", name)
    if served:
        kubectl("delete", "inferenceservice", name, "-n", namespace, "--ignore-not-found")


def test_a_recurring_run_goes_through_all_tasks(
    fired: Fired, ended: Callable[[str], str], states: Callable[[str], dict[str, str]]
) -> None:
    assert ended(fired.run) == "SUCCEEDED"
    assert states(fired.run) == dict.fromkeys(TASKS, "succeeded")


def test_only_its_training_is_where_the_accelerator_is(
    fired: Fired, ended: Callable[[str], str], kubectl: Callable[..., str], namespace: str
) -> None:
    if fired.node is None:
        pytest.skip(f"no node advertises {GPU}")
    assert ended(fired.run) == "SUCCEEDED"
    asking, others = pods_by_node(kubectl, namespace, fired.run)
    assert asking == {fired.node["metadata"]["name"]: 2}
    if fired.node["spec"].get("taints"):
        assert fired.node["metadata"]["name"] not in others


def test_its_model_answers_behind_kserve(
    fired: Fired, ended: Callable[[str], str], kubectl: Callable[..., str], namespace: str, tmp_path: Path
) -> None:
    if not fired.served:
        pytest.skip("this cluster has no KServe")
    assert ended(fired.run) == "SUCCEEDED"
    service = json.loads(kubectl("get", "inferenceservice", fired.name, "-n", namespace, "-o", "json"))
    ready = {one["type"]: one["status"] for one in service["status"]["conditions"]}
    assert ready["Ready"] == "True", service["status"]
    stored, _, version = service["spec"]["predictor"]["model"]["storageUri"].rpartition("/")
    assert stored.endswith(f"/{fired.name}/versions")
    there = f"/api/v1/namespaces/{namespace}/services/{fired.name}-predictor:80/proxy"
    model = json.loads(kubectl("get", "--raw", f"{there}/v2/models/{fired.name}"))
    assert model["versions"] == [version]
    (tmp_path / "request.json").write_text(json.dumps({"instances": [{one["name"]: None for one in model["inputs"]}]}))
    asked = ("create", "--raw", f"{there}/v1/models/{fired.name}:predict", "-f", str(tmp_path / "request.json"))
    (prediction,) = json.loads(kubectl(*asked))["predictions"]
    assert prediction, prediction
