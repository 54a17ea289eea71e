"""tune_on_katib against a real Katib: each algorithm, and what can go wrong around it."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from builders.acceptance import given
from builders.katib_lab import SEARCH_S, SPACE, TESTS, Lab, definition
from foldline._image import TRAINER
from foldline.training.search.definition import Definition
from foldline_pipelines.local import environments

Kubectl = Callable[..., str]
CONTROLLER = "deployment/katib-controller"


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Dataset, folds and transform of a small table."""
    if not environments.interpreter("trainer").exists():
        pytest.skip("the environment trainer is not here: foldline environments trainer")
    folder = tmp_path_factory.mktemp("made") / "line"
    command = [str(environments.interpreter("trainer")), "-m", "builders.small_line", str(folder)]
    subprocess.run(command, env={**os.environ, "PYTHONPATH": str(TESTS)}, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def lab_in(
    kubectl: Kubectl, artifacts: Path, unique: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str, str], Lab]]:
    """Makes the lab of a namespace and its account."""
    state_uri = f"{given('KFP_STORE_URI', 'a bucket for what trials read and leave')}/{unique}"
    given("AWS_ACCESS_KEY_ID", "the component runs here, with keys for the bucket of KFP_STORE_URI")
    labs: list[Lab] = []

    def make(namespace: str, account: str) -> Lab:
        folder = tmp_path_factory.mktemp("lab")
        token = kubectl("create", "token", account, f"--namespace={namespace}", "--duration=2h").strip()
        config = json.loads(kubectl("config", "view", "--raw", "--minify", "--output=json"))
        context = {"cluster": config["clusters"][0]["name"], "user": "account", "namespace": namespace}
        config |= {
            "users": [{"name": "account", "user": {"token": token}}],
            "contexts": [{"name": "account", "context": context}],
            "current-context": "account",
        }
        (folder / "kubeconfig").write_text(json.dumps(config))
        inside: Kubectl = lambda *words: kubectl(*words, f"--namespace={namespace}")  # noqa: E731
        labs.append(Lab(inside, folder / "kubeconfig", artifacts, folder, f"{state_uri}/{len(labs)}", TRAINER))
        return labs[-1]

    yield make
    for one in labs:
        one.close()


@pytest.fixture
def lab(lab_in: Callable[[str, str], Lab], namespace: str, katib_account: str) -> Iterator[Lab]:
    """The namespace of the pipelines, with the account of the pipelines."""
    made = lab_in(namespace, katib_account)
    yield made
    made.close()


def number_of(found: dict[str, Any]) -> dict[str, int]:
    return {state: [one["state"] for one in found["trials"]].count(state) for state in ("completed", "stopped")}


# What each algorithm of Katib's takes, as the table of capabilities says: numbers, scales and choices.
CHOICES = {"hidden_units": {"type": "choice", "values": [[8], [4, 4]]}}
GRID = CHOICES | {"dropout": {"type": "float", "low": 0.0, "high": 0.4, "step": 0.4}}
SEARCHES: dict[str, dict[str, Any]] = {
    "random": {"space": SPACE | CHOICES},
    "tpe": {"space": SPACE | CHOICES},
    "multivariate-tpe": {"space": SPACE | CHOICES, "startup_trials": 2},
    "grid": {"space": GRID},
    "cmaes": {"space": SPACE},
    "sobol": {"space": SPACE},
}


@pytest.mark.parametrize("algorithm", SEARCHES)
def test_a_search_ends_with_the_best_of_its_trials(lab: Lab, algorithm: str) -> None:
    settings = dict(SEARCHES[algorithm])
    asked = definition(space=settings.pop("space"), algorithm={"name": algorithm, **settings})
    task = lab.begin(asked)
    found = task.result()
    counts = number_of(found)
    assert counts["completed"] >= 1, task.said
    assert counts["completed"] + counts["stopped"] == 4, task.said
    space = Definition.parse(asked).space
    for trial in found["trials"]:
        assert space.point(trial["parameters"], f"trial {trial['number']}", whole=True) == trial["parameters"]
    if algorithm == "grid":
        assert len({json.dumps(trial["parameters"], sort_keys=True) for trial in found["trials"]}) == 4
    best = max(sum(one["fold_values"].values()) / 3 for one in found["trials"] if one["state"] == "completed")
    assert found["best"]["value"] == pytest.approx(best)
    experiment = lab.found("experiment", task.experiment)
    conditions = {one["type"] for one in experiment["status"]["conditions"] if one["status"] == "True"}
    assert "Succeeded" in conditions
    assert experiment["status"]["trialsSucceeded"] == 4
    named = {one["where"]: one for one in found["trials"]}
    optimal = experiment["status"]["currentOptimalTrial"]
    told = {one["name"]: float(one["latest"]) for one in optimal["observation"]["metrics"]}["score"]
    values = named[optimal["bestTrialName"]]["fold_values"].values()
    assert told == pytest.approx(sum(values) / len(values))


def test_a_task_that_is_killed_and_run_again_goes_on_with_its_experiment(lab: Lab) -> None:
    search = definition(algorithm={"name": "tpe"}, seed=5)
    first = lab.begin(search)
    first.until(r"[1-9] trials, \d over, [1-9] at work")
    uid = lab.found("experiment", first.experiment)["metadata"]["uid"]
    first.end(signal.SIGKILL)
    again = lab.begin(search, "again")
    found = again.result()
    assert "going on with" in again.said
    assert again.experiment == first.experiment
    assert lab.found("experiment", again.experiment)["metadata"]["uid"] == uid
    assert len(found["trials"]) == 4
    third = lab.begin(search, "third")
    assert third.result()["trials"] == found["trials"]


def test_a_task_that_is_told_to_end_takes_its_experiment_with_it(lab: Lab) -> None:
    task = lab.begin(definition(seed=6))
    task.until(r"[1-9] trials")
    assert task.end(signal.SIGTERM) == 128 + signal.SIGTERM
    deadline = time.monotonic() + SEARCH_S
    while lab.found("experiment", task.experiment):
        assert time.monotonic() < deadline, task.said
        time.sleep(1)


def test_a_task_that_is_told_to_end_leaves_its_experiment_where_asked_and_takes_it_up_again(lab: Lab) -> None:
    search = definition(seed=12)
    task = lab.begin(search, on_termination="leave")
    task.until(r"[1-9] trials")
    assert task.end(signal.SIGTERM) == 128 + signal.SIGTERM
    uid = lab.found("experiment", task.experiment)["metadata"]["uid"]
    again = lab.begin(search, "again", on_termination="leave")
    assert sum(number_of(again.result()).values()) == 4, again.said
    assert lab.found("experiment", again.experiment)["metadata"]["uid"] == uid


def test_a_goal_that_is_reached_ends_the_search_and_the_trials_that_run(lab: Lab) -> None:
    budget = {"trials": 50, "parallel_trials": 3}
    task = lab.begin(definition(objective={"metric": "roc_auc", "goal": 0.01}, budget=budget, seed=13))
    found = task.result()
    assert found["engine_facts"]["ended"] == "the goal is reached", task.said
    assert 1 <= number_of(found)["completed"] < 50
    of_it = f"--selector=katib.kubeflow.org/experiment={task.experiment}"
    deadline = time.monotonic() + SEARCH_S
    while running := lab.kubectl("get", "pods", of_it, "--field-selector=status.phase=Running", "--output=name"):
        assert time.monotonic() < deadline, running
        time.sleep(1)


def test_the_time_of_the_budget_ends_a_search_with_the_best_so_far(lab: Lab) -> None:
    budget = {"trials": 200, "parallel_trials": 1, "wall_clock_s": 240}
    task = lab.begin(definition(budget=budget, seed=7, stopping={"rule": "none"}))
    found = task.result()
    assert found["engine_facts"]["ended"] == "the time of the budget, 240 s, is over"
    assert number_of(found)["completed"] >= 1
    assert found["seconds"] >= 240


def test_a_search_goes_on_where_the_pod_of_its_algorithm_is_gone(lab: Lab) -> None:
    task = lab.begin(definition(seed=8))
    task.until(r"[1-9] trials")
    pods = f"--selector=katib.kubeflow.org/deployment={task.experiment}-random"
    lab.kubectl("delete", "pod", pods, "--wait=false")
    assert sum(number_of(task.result()).values()) == 4, task.said


def test_a_search_goes_on_where_the_controller_starts_again(lab: Lab, kubectl: Kubectl) -> None:
    everywhere = json.loads(kubectl("get", "deployments", "--all-namespaces", "--output=json"))["items"]
    where = [
        one["metadata"]["namespace"] for one in everywhere if one["metadata"]["name"] == CONTROLLER.partition("/")[2]
    ]
    if not where:
        pytest.skip("the cluster has no Deployment katib-controller to start again")
    task = lab.begin(definition(seed=9))
    task.until(r"[1-9] trials")
    kubectl("rollout", "restart", CONTROLLER, f"--namespace={where[0]}")
    assert sum(number_of(task.result()).values()) == 4, task.said


@pytest.mark.parametrize(
    ("memory", "trial_s", "failure"), [("150Mi", 0, "out_of_memory"), ("2Gi", 4, "time_out")], ids=["memory", "time"]
)
def test_a_search_whose_trials_all_fail_fails_and_says_how(lab: Lab, memory: str, trial_s: int, failure: str) -> None:
    budget = {"trials": 2, "parallel_trials": 2, "trial_s": trial_s}
    task = lab.begin(definition(budget=budget, failures_allowed=1.0, seed=trial_s + 20), memory=memory)
    assert task.ended() == 1
    assert f"failed ({failure})" in task.said


def test_an_image_that_cannot_be_pulled_is_named(lab: Lab) -> None:
    task = lab.begin(definition(seed=10), image="registry.invalid/foldline/nowhere:0")
    assert task.ended() == 1
    assert "cannot get image registry.invalid/foldline/nowhere:0" in task.said
    assert "katib.image" in task.said


def test_a_namespace_without_the_label_is_named_with_its_cure(
    lab_in: Callable[[str, str], Lab], kubectl: Kubectl, namespace: str, katib_account: str, unique: str
) -> None:
    other = f"foldline-unlabelled-{unique}"
    kubectl("create", "namespace", other)
    try:
        kubectl("create", "serviceaccount", katib_account, f"--namespace={other}")
        roles = TESTS.parent / "manifests" / "base" / "roles.yaml"
        kubectl("apply", f"--namespace={other}", f"--filename={roles}")
        bound = f"--serviceaccount={other}:{katib_account}"
        kubectl("create", "rolebinding", "katib", "--role=foldline-katib", bound, f"--namespace={other}")
        task = lab_in(other, katib_account).begin(definition(seed=11))
        assert task.ended() == 1
        assert f"kubectl label namespace {other} katib.kubeflow.org/metrics-collector-injection=enabled" in task.said
        assert f"namespace {other}: expected the label" in task.said
    finally:
        kubectl("delete", "namespace", other, "--wait=false")
