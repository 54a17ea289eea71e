"""Katib: the account of the pipelines runs an Experiment, and its trials report what they found."""

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from foldline._image import LAUNCHER

EXPERIMENT_S = 900.0
TRIALS = 3
# A trial that ends before Katib's collector looks for it fails, so it stays until the collector has looked.
OBSERVED = "until grep -qs [m]etricscollector /proc/*/cmdline; do sleep 1; done; sleep 5"
Kubectl = Callable[..., str]


def experiment(name: str, image: str) -> dict[str, Any]:
    """Trials that report their parameter as their score; the braces keep Katib's redirection around all of it."""
    script = f"{{ echo score=${{trialParameters.x}}; {OBSERVED}; }}"
    container = {"name": "trial", "image": image, "command": ["sh", "-c", script]}
    pod = {
        "metadata": {"labels": {"sidecar.istio.io/inject": "false"}},
        "spec": {"restartPolicy": "Never", "containers": [container]},
    }
    return {
        "apiVersion": "kubeflow.org/v1beta1",
        "kind": "Experiment",
        "metadata": {"name": name},
        "spec": {
            "objective": {
                "type": "maximize",
                "objectiveMetricName": "score",
                "metricStrategies": [{"name": "score", "value": "latest"}],
            },
            "algorithm": {"algorithmName": "random", "algorithmSettings": [{"name": "random_state", "value": "7"}]},
            "parameters": [
                {"name": "x", "parameterType": "double", "feasibleSpace": {"min": "0.1", "max": "0.9"}},
            ],
            "parallelTrialCount": 2,
            "maxTrialCount": TRIALS,
            "maxFailedTrialCount": 1,
            "trialTemplate": {
                "retain": True,
                "primaryContainerName": "trial",
                "trialParameters": [{"name": "x", "reference": "x"}],
                "trialSpec": {
                    "apiVersion": "batch/v1",
                    "kind": "Job",
                    "spec": {"backoffLimit": 0, "template": pod},
                },
            },
        },
    }


@pytest.fixture
def as_pipelines(kubectl: Kubectl, namespace: str, katib_account: str) -> Kubectl:
    """kubectl in the namespace with the permissions of the pipelines' account."""
    who = f"--as=system:serviceaccount:{namespace}:{katib_account}"
    return lambda *words: kubectl(*words, f"--namespace={namespace}", who)


@pytest.fixture
def begun(as_pipelines: Kubectl, unique: str, tmp_path: Path) -> Iterator[str]:
    """Name of an Experiment that the account has made, and removes."""
    name = f"foldline-acceptance-{unique}"
    file = tmp_path / "experiment.json"
    file.write_text(json.dumps(experiment(name, os.environ.get("KFP_TEST_IMAGE") or LAUNCHER)))
    as_pipelines("create", f"--filename={file}")
    yield name
    as_pipelines("delete", "experiment.kubeflow.org", name, "--wait=false")


def story(as_pipelines: Kubectl, name: str) -> str:
    """What the trials of an Experiment came to, and the last words of their containers."""
    of_it = f"--selector=katib.kubeflow.org/experiment={name}"
    trials = json.loads(as_pipelines("get", "trials.kubeflow.org", of_it, "--output=json"))["items"]
    ends = [(one["metadata"]["name"], one.get("status", {}).get("conditions", [])[-1:]) for one in trials]
    lines = [f"trial/{trial}: {last[0]['reason']}: {last[0]['message']}" for trial, last in ends if last]
    return "\n".join([*lines, as_pipelines("logs", of_it, "--all-containers", "--prefix", "--tail=5")])


def test_the_account_of_the_pipelines_runs_an_experiment_to_its_best_trial(begun: str, as_pipelines: Kubectl) -> None:
    deadline = time.monotonic() + EXPERIMENT_S
    status: dict[str, Any] = {}
    ended: set[str] = set()
    while not ended & {"Succeeded", "Failed"}:
        assert time.monotonic() < deadline, f"{status}\n{story(as_pipelines, begun)}"
        time.sleep(2)
        status = json.loads(as_pipelines("get", "experiment.kubeflow.org", begun, "--output=json")).get("status", {})
        ended = {one["type"] for one in status.get("conditions", []) if one["status"] == "True"}
    assert "Succeeded" in ended, f"{status['conditions'][-1]}\n{story(as_pipelines, begun)}"
    assert status["trialsSucceeded"] == TRIALS
    best = status["currentOptimalTrial"]
    given = {one["name"]: float(one["value"]) for one in best["parameterAssignments"]}
    scores = {one["name"]: float(one["latest"]) for one in best["observation"]["metrics"]}
    assert scores["score"] == pytest.approx(given["x"])
    trials = json.loads(as_pipelines("get", "trials.kubeflow.org", "--output=json"))["items"]
    owned = [one for one in trials if one["metadata"]["labels"].get("katib.kubeflow.org/experiment") == begun]
    found = [float(one["status"]["observation"]["metrics"][0]["latest"]) for one in owned]
    assert len(found) == TRIALS
    assert max(found) == pytest.approx(scores["score"])
