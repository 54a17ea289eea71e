"""The whole line on a Kubeflow: from a table in a bucket to a champion, and where there is KServe to its server."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from builders.acceptance import given, run_id

Ended = subprocess.CompletedProcess[str]
TASKS = {
    "ingest-dataset",
    "validate-data",
    "assign-folds",
    "transform-features",
    "train-folds",
    "train-model",
    "evaluate-model",
    "compare-models",
    "deploy-canary",
}
WHOLE_S = 3600


@pytest.fixture(scope="module")
def arguments(unique: str, tmp_path_factory: pytest.TempPathFactory) -> list[str | Path]:
    settings = tmp_path_factory.mktemp("settings") / "settings.yaml"
    settings.write_text("cache: {ingest-dataset: true}\n")
    words: list[str | Path] = ["--settings", settings, "--wait", "--timeout", str(WHOLE_S)]
    for name, value in {
        "dataset_uri": given("KFP_DATASET_URI", "a table in a bucket that the pods reach"),
        "label": given("KFP_LABEL", "the column to predict"),
        "store_uri": f"{given('KFP_STORE_URI', 'a bucket for the model store')}/{unique}",
        "epochs": "3",
    }.items():
        words += ["--set", f"{name}={value}"]
    return words


@pytest.fixture(scope="module")
def first(foldline: Callable[..., Ended], arguments: list[str | Path]) -> Ended:
    return foldline("submit", "train_and_serve", *arguments, timeout=WHOLE_S + 60)


def test_every_task_succeeds(first: Ended, states: Callable[[str], dict[str, str]]) -> None:
    assert first.returncode == 0, first.stdout + first.stderr
    assert states(run_id(first)) == dict.fromkeys(TASKS, "succeeded")


def test_a_second_run_repeats_only_what_looks_at_the_store(
    first: Ended,
    foldline: Callable[..., Ended],
    arguments: list[str | Path],
    states: Callable[[str], dict[str, str]],
) -> None:
    assert first.returncode == 0, first.stderr
    second = foldline("submit", "train_and_serve", *arguments, timeout=WHOLE_S + 60)
    assert second.returncode == 0, second.stdout + second.stderr
    again = {"compare-models", "deploy-canary"}
    assert states(run_id(second)) == {task: "succeeded" if task in again else "cached" for task in TASKS}


def test_the_challenger_is_served_by_kserve(
    first: Ended,
    foldline: Callable[..., Ended],
    arguments: list[str | Path],
    kubectl: Callable[..., str],
    namespace: str,
    unique: str,
) -> None:
    if "inferenceservices.serving.kserve.io" not in kubectl("get", "crd", "-o", "name"):
        pytest.skip("this cluster has no KServe")
    assert first.returncode == 0, first.stderr
    name = f"model-{unique}"
    words = [*arguments, "--set", f"model_name={name}", "--set", "serving_backend=kserve"]
    done = foldline("submit", "train_and_serve", *words, timeout=WHOLE_S + 60)
    assert done.returncode == 0, done.stdout + done.stderr
    served = json.loads(kubectl("get", "inferenceservice", name, "-n", namespace, "-o", "json"))
    ready = {one["type"]: one["status"] for one in served["status"]["conditions"]}
    assert ready["Ready"] == "True", served["status"]
