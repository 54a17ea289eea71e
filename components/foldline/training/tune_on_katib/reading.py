"""What the objects of a search on Katib say: conditions, trials and their ends."""

from collections.abc import Mapping, Sequence

from foldline.cluster import Object
from foldline.errors import ArgumentError
from foldline.training.search.trial import BUG, OUT_OF_MEMORY, TIME_OUT
from foldline.training.tune_on_katib.engine import Seen
from foldline.training.tune_on_katib.job import CONTAINER
from foldline.training.tune_on_katib.words import Word, point_of

OF_EXPERIMENT, OF_TRIAL, OF_DEPLOYMENT = (
    f"katib.kubeflow.org/{name}" for name in ("experiment", "trial", "deployment")
)
SUCCEEDED, FAILED, RUNNING = "Succeeded", "Failed", "Running"
_OVER = (SUCCEEDED, FAILED, "Killed", "MetricsUnavailable", "EarlyStopped")
_GOAL = "ExperimentGoalReached"


def condition(found: Object | None, kind: str) -> Object | None:
    """The condition `kind` where it holds."""
    for one in ((found or {}).get("status") or {}).get("conditions") or []:
        if one.get("type") == kind and one.get("status") == "True":
            return dict(one)
    return None


def ending(experiment: Object) -> tuple[str, bool]:
    """Why an Experiment has ended, empty while it goes on; and whether that is a failure."""
    if failed := condition(experiment, FAILED):
        return str(failed.get("message") or failed.get("reason") or FAILED), True
    if succeeded := condition(experiment, SUCCEEDED):
        if succeeded.get("reason") == _GOAL:
            return "the goal is reached", False
        return "all trials of the budget have ended", False
    return "", False


def trials_seen(trials: Sequence[Object], pods: Sequence[Object], words: tuple[Word, ...]) -> tuple[Seen, ...]:
    """The trials in the order in which they were made."""
    by_trial = {(pod["metadata"].get("labels") or {}).get(OF_TRIAL, ""): pod for pod in pods}
    ordered = sorted(trials, key=lambda one: (one["metadata"].get("creationTimestamp", ""), one["metadata"]["name"]))
    return tuple(_seen(one, by_trial.get(one["metadata"]["name"]), words) for one in ordered)


def trial_pods(pods: Sequence[Object]) -> list[Object]:
    """The pods of trials among those of the search."""
    return [pod for pod in pods if (pod["metadata"].get("labels") or {}).get(OF_TRIAL) or _of_job(pod)]


def suggestion_pods(pods: Sequence[Object]) -> list[Object]:
    """The pods of the algorithm among those of the search."""
    return [pod for pod in pods if (pod["metadata"].get("labels") or {}).get(OF_DEPLOYMENT)]


def observed(pod: Object) -> bool:
    """Whether Katib has put its metrics collector beside the trial."""
    return [one["name"] for one in pod["spec"]["containers"]] != [CONTAINER]


def computes(pod: Object) -> bool:
    """Whether the pod of a trial runs, and somebody will hear what it finds."""
    return observed(pod) and (pod.get("status") or {}).get("phase") == "Running"


def speaker(trial: str, pods: Sequence[Object]) -> tuple[str, str] | None:
    """Pod and container whose log has what a trial said; None where it is gone or has not ended.

    The collector prints what the trial says, which goes into a file that it reads.
    """
    for pod in pods:
        if (pod["metadata"].get("labels") or {}).get(OF_TRIAL) != trial:
            continue
        ended = [one["name"] for one in containers(pod) if (one.get("state") or {}).get("terminated")]
        for name in (*(one for one in ended if one != CONTAINER), *ended):
            return str(pod["metadata"]["name"]), str(name)
    return None


def containers(pod: Object) -> list[Object]:
    """State of each container of a pod that has begun."""
    return list((pod.get("status") or {}).get("containerStatuses") or [])


def failure_of(trial: Object, pod: Object | None) -> tuple[str, str]:
    """Kind of a trial's failure, and why."""
    for one in containers(pod or {}):
        ended = (one.get("state") or {}).get("terminated") or {}
        if ended.get("reason") == "OOMKilled":
            return OUT_OF_MEMORY, f"container {one['name']} was killed: it needed more memory than its limit"
    found = condition(trial, FAILED) or condition(trial, "MetricsUnavailable") or condition(trial, "Killed") or {}
    words = ": ".join(str(found[key]) for key in ("reason", "message") if found.get(key)) or "no reason given"
    if "DeadlineExceeded" in words:
        return TIME_OUT, words
    return BUG, words


def _of_job(pod: Object) -> bool:
    return any(one.get("kind") == "Job" for one in pod["metadata"].get("ownerReferences") or [])


def _seen(trial: Object, pod: Object | None, words: tuple[Word, ...]) -> Seen:
    name = trial["metadata"]["name"]
    given: Mapping[str, str] = {
        one["name"]: str(one["value"]) for one in trial["spec"].get("parameterAssignments") or []
    }
    try:
        point = point_of(words, dict(given))
    except ArgumentError as fault:
        return Seen(name, {}, True, failed=True, failure=BUG, message=str(fault))
    over = next((kind for kind in _OVER if condition(trial, kind)), "")
    if not over or over == SUCCEEDED:
        return Seen(name, point, bool(over))
    failure, message = failure_of(trial, pod)
    ended = str((condition(trial, over) or {}).get("lastTransitionTime") or "")
    return Seen(name, point, True, failed=True, failure=failure, message=message, ended=ended)
