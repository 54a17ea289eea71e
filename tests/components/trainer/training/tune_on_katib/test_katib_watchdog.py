"""Why a search does not move: one case for each state of the objects, as a cluster shows them."""

from typing import Any

import pytest

from foldline.training.search.space import Space
from foldline.training.tune_on_katib.reading import ending, trials_seen
from foldline.training.tune_on_katib.watchdog import trouble_of
from foldline.training.tune_on_katib.words import words_of

Json = dict[str, Any]
EARLY, LATE = "2026-11-21T20:00:00Z", "2026-11-21T20:05:00Z"
PATIENCE_S = 1800.0
COLLECTOR = "metrics-logger-and-collector"


def conditions(**holding: str) -> Json:
    every = [{"type": kind, "status": "True", "message": said} for kind, said in holding.items()]
    return {"conditions": [one | {"lastTransitionTime": LATE} for one in every]}


def trial(name: str = "search-1-a", at: str = EARLY, **holding: str) -> Json:
    return {
        "metadata": {"name": name, "creationTimestamp": at},
        "spec": {"parameterAssignments": [{"name": "x", "value": "0.5"}]},
        "status": conditions(**(holding or {"Running": ""})),
    }


def pod(name: str, labels: Json, *names: str, at: str = EARLY, **status: Any) -> Json:
    metadata = {"name": name, "labels": {f"katib.kubeflow.org/{key}": value for key, value in labels.items()}}
    spec = {"containers": [{"name": one} for one in names]}
    return {"metadata": {**metadata, "creationTimestamp": at}, "spec": spec, "status": status}


def trial_pod(*names: str, **status: Any) -> Json:
    return pod("search-1-a-x", {"trial": "search-1-a"}, *(names or ("trial", COLLECTOR)), **status)


def algorithm_pod(at: str = EARLY, **container: Any) -> Json:
    state = {"name": "suggestion", "ready": True, "restartCount": 0, "state": {"running": {}}} | container
    return pod("search-1-tpe-x", {"deployment": "search-1-tpe"}, "suggestion", at=at, containerStatuses=[state])


def waiting(reason: str, message: str = "", name: str = "trial") -> Json:
    state = {"waiting": {"reason": reason, "message": message}}
    return {"containerStatuses": [{"name": name, "image": "trainer:1", "ready": False, "state": state}]}


def warning(message: str, kind: str = "Job") -> Json:
    return {"reason": "FailedCreate", "message": message, "involvedObject": {"kind": kind, "name": "search-1-a"}}


RUNNING = {"status": conditions(Created="", Running="")}
UNSCHEDULABLE = [
    {"type": "PodScheduled", "status": "False", "reason": "Unschedulable",
     "message": "0/1 nodes are available: 1 Insufficient nvidia.com/gpu."}
]  # fmt: skip
OOM = {"terminated": {"reason": "OOMKilled", "exitCode": 137}}
QUOTA = 'pods "search-1-a-x" is forbidden: exceeded quota: small, requested: pods=1, used: pods=4, limited: pods=4'
WEBHOOK = 'Internal error occurred: failed calling webhook "mutator.pod.katib.kubeflow.org": connection refused'


@pytest.mark.parametrize(
    ("objects", "words", "fix", "patience_s"),
    [
        ({"experiment": {}}, "no controller of Katib has taken up", "katib-controller runs", 600.0),
        ({"suggestion": None}, "Katib has made no Suggestion", "", 600.0),
        ({"suggestion": {"status": conditions(Failed="Validation failed: Param x step is nil")}},
         "the algorithm refuses the search: Validation failed: Param x step is nil", "", 0.0),
        ({"pods": []}, "there is no pod of algorithm tpe", "", 600.0),
        ({"pods": [algorithm_pod(ready=False)]}, "pod/search-1-tpe-x of algorithm tpe is not ready", "more memory",
         600.0),
        ({"pods": [algorithm_pod(ready=False, restartCount=4, lastState=OOM, state={"running": {}})]},
         "ran out of memory, 4 times", "katib-config", 120.0),
        ({"pods": [algorithm_pod(restartCount=1)]}, "has lost what it knew of the trials", "algorithm random", 120.0),
        ({"pods": [algorithm_pod(at=LATE)]}, "has lost what it knew of the trials", "algorithm random", 120.0),
        ({"pods": [algorithm_pod(), trial_pod("trial", phase="Running")]}, "has no metrics collector",
         "kubectl label namespace ann katib.kubeflow.org/metrics-collector-injection=enabled", 0.0),
        ({"pods": [algorithm_pod(), trial_pod(**waiting("ImagePullBackOff", "not found"))]},
         "cannot get image trainer:1 (ImagePullBackOff): not found", "katib.image", 120.0),
        ({"pods": [algorithm_pod(), trial_pod(**waiting("InvalidImageName"))]}, "InvalidImageName", "katib.image", 0.0),
        ({"pods": [algorithm_pod(), trial_pod(**waiting("CreateContainerConfigError", "no secret"))]},
         "cannot be made (CreateContainerConfigError): no secret", "", 120.0),
        ({"pods": [algorithm_pod(), trial_pod(phase="Pending", conditions=UNSCHEDULABLE)]},
         "pod/search-1-a-x fits on no node: 0/1 nodes are available: 1 Insufficient nvidia.com/gpu.", "node_selector",
         PATIENCE_S),
        ({"events": [warning(QUOTA)]}, "job/search-1-a may make no pod: pods", "budget.parallel_trials", PATIENCE_S),
        ({"events": [warning(WEBHOOK)]}, "failed calling webhook", "katib-controller runs", 600.0),
        ({"pods": [algorithm_pod(), trial_pod(phase="Succeeded")]},
         "trial/search-1-a has ended and Katib has not noted it", "katib-db-manager", 600.0),
    ],
)  # fmt: skip
def test_what_keeps_a_search_from_moving_is_told_with_its_cure(
    objects: Json, words: str, fix: str, patience_s: float
) -> None:
    given = {"suggestion": {}, "experiment": RUNNING, "trials": [trial()], "pods": [algorithm_pod()], "events": []}
    found = trouble_of("ann", "tpe", patience_s=PATIENCE_S, **(given | objects))
    assert found is not None
    assert words in found.words
    assert fix in found.fix
    assert found.patience_s == patience_s


def test_a_search_whose_pods_begin_has_no_trouble() -> None:
    starting = trial_pod(phase="Pending", **waiting("ContainerCreating"))
    pods = [algorithm_pod(), starting]
    assert trouble_of("ann", "tpe", {}, RUNNING, [trial()], pods, [], PATIENCE_S) is None


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ({}, ("", False)),
        (conditions(Created="", Running=""), ("", False)),
        ({"conditions": [{"type": "Succeeded", "status": "True", "reason": "ExperimentGoalReached"}]},
         ("the goal is reached", False)),
        ({"conditions": [{"type": "Succeeded", "status": "True", "reason": "ExperimentMaxTrialsReached"}]},
         ("all trials of the budget have ended", False)),
        (conditions(Failed="Suggestion has failed"), ("Suggestion has failed", True)),
    ],
)  # fmt: skip
def test_the_end_of_an_experiment_has_words(status: Json, expected: tuple[str, bool]) -> None:
    assert ending({"status": status}) == expected


WORDS = words_of(Space.parse({"x": {"type": "float", "low": 0.0, "high": 1.0}}), "tpe")
DEADLINE = "Trial has failed. Job message: Job was active longer than specified deadline. Job reason: DeadlineExceeded"


@pytest.mark.parametrize(
    ("holding", "pods", "failure", "message"),
    [
        ({"Failed": "no"}, [trial_pod(containerStatuses=[{"name": "trial", "state": OOM}])], "out_of_memory", "memory"),
        ({"Failed": DEADLINE}, [], "time_out", "DeadlineExceeded"),
        ({"Failed": "Trial has failed"}, [], "bug", "Trial has failed"),
        ({"MetricsUnavailable": "Metrics are not available"}, [], "bug", "not available"),
    ],
)
def test_a_trials_failure_has_its_kind(holding: dict[str, str], pods: list[Json], failure: str, message: str) -> None:
    (seen,) = trials_seen([trial(**holding)], pods, WORDS)
    assert (seen.over, seen.failed, seen.failure, seen.parameters) == (True, True, failure, {"x": 0.5})
    assert message in seen.message
    assert seen.ended == LATE


def test_trials_stand_in_the_order_in_which_they_were_made() -> None:
    made = [trial("search-1-b", LATE), trial("search-1-a", EARLY, Succeeded=""), trial("search-1-c", EARLY)]
    found = trials_seen(made, [], WORDS)
    assert [(one.name, one.over) for one in found] == [
        ("search-1-a", True), ("search-1-c", False), ("search-1-b", False)
    ]  # fmt: skip
