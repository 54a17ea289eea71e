"""Why a search on Katib does not move, in words, from the objects that it is made of; no network."""

import re
from collections.abc import Sequence

from foldline.cluster import Object
from foldline.training.tune_on_katib.engine import Trouble
from foldline.training.tune_on_katib.reading import (
    OF_TRIAL,
    RUNNING,
    condition,
    containers,
    observed,
    suggestion_pods,
    trial_pods,
)

LABEL = "katib.kubeflow.org/metrics-collector-injection=enabled"
SOON_S, LATER_S = 120.0, 600.0
_PULL = ("ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName")
_SETUP = ("CreateContainerConfigError", "CreateContainerError")
_MORE_MEMORY = (
    "Give the algorithm more memory in ConfigMap katib-config (runtime.suggestions, resources.limits.memory)."
)


def label_fix(namespace: str) -> str:
    """What to do where Katib may not put its collector into pods."""
    return f"Label the namespace: kubectl label namespace {namespace} {LABEL}"


def trouble_of(
    namespace: str, algorithm: str, suggestion: Object | None, experiment: Object, trials: Sequence[Object],
    pods: Sequence[Object], events: Sequence[Object], patience_s: float,
) -> Trouble | None:  # fmt: skip
    """What keeps the search from going on; None where nothing does.

    Args:
        pods: those of the Experiment, of trials and of the algorithm.
        events: warnings about objects of the search, oldest first.
        patience_s: seconds that a cluster may take to find room for a pod.
    """
    if failed := condition(suggestion, "Failed"):
        return Trouble("refused", f"the algorithm refuses the search: {failed.get('message') or failed.get('reason')}")
    if not (experiment.get("status") or {}).get("conditions"):
        return Trouble(
            "controller",
            "no controller of Katib has taken up the Experiment",
            "See whether the Deployment katib-controller runs.",
            LATER_S,
        )
    for pod in trial_pods(pods):
        if found := _of_trial(pod, namespace, patience_s):
            return found
    if found := _of_events(events, patience_s):
        return found
    return _of_suggestion(suggestion, algorithm, pods, trials) or _of_metrics(trials, pods)


def _of_trial(pod: Object, namespace: str, patience_s: float) -> Trouble | None:
    name, status = pod["metadata"]["name"], pod.get("status") or {}
    if not observed(pod):
        return Trouble(
            "collector",
            f"pod/{name} has no metrics collector, so that Katib would wait for its score for ever",
            label_fix(namespace),
        )
    for one in status.get("conditions") or []:
        if one["type"] == "PodScheduled" and one["status"] == "False":
            return Trouble(
                "no room",
                f"pod/{name} fits on no node: {one.get('message') or one.get('reason')}",
                "Ask for less (katib.cpu, katib.memory, accelerator_count), or see node_selector and tolerations.",
                patience_s,
            )
    return _waiting(pod, f"pod/{name} of a trial")


def _waiting(pod: Object, what: str) -> Trouble | None:
    for one in containers(pod):
        waiting = (one.get("state") or {}).get("waiting") or {}
        reason, said = waiting.get("reason", ""), waiting.get("message") or "no message"
        if reason in _PULL:
            hopeless = reason in ("InvalidImageName", "ErrImageNeverPull")
            return Trouble(
                "image",
                f"{what} cannot get image {one.get('image')} ({reason}): {said}",
                "See the image's name (katib.image) and the pull secrets of its service account.",
                0.0 if hopeless else SOON_S,
            )
        if reason in _SETUP:
            return Trouble(
                "container", f"container {one['name']} of {what} cannot be made ({reason}): {said}", "", SOON_S
            )
    return None


def _of_events(events: Sequence[Object], patience_s: float) -> Trouble | None:
    for one in reversed(events):
        said = str(one.get("message") or "")
        about = one.get("involvedObject") or {}
        what = f"{str(about.get('kind', '')).lower()}/{about.get('name', '')}"
        if one.get("reason") != "FailedCreate":
            continue
        if "exceeded quota" in said:
            return Trouble(
                "quota",
                f"{what} may make no pod: {said}",
                "Raise the quota of the namespace, or set budget.parallel_trials lower.",
                patience_s,
            )
        if "failed calling webhook" in said:
            return Trouble(
                "webhook",
                f"{what} may make no pod: {said}",
                "See whether the Deployment katib-controller runs.",
                LATER_S,
            )
        return Trouble("no pod", f"{what} may make no pod: {said}", "", LATER_S)
    return None


def _of_suggestion(
    suggestion: Object | None, algorithm: str, pods: Sequence[Object], trials: Sequence[Object]
) -> Trouble | None:
    if suggestion is None:
        return Trouble("algorithm", "Katib has made no Suggestion for the Experiment", "", LATER_S)
    found = suggestion_pods(pods)
    if not found:
        return Trouble("algorithm", f"there is no pod of algorithm {algorithm}", "", LATER_S)
    for pod in found:
        what = f"pod/{pod['metadata']['name']} of algorithm {algorithm}"
        if waiting := _waiting(pod, what):
            return waiting
        for one in containers(pod):
            ended = [(one.get(key) or {}).get("terminated") or {} for key in ("state", "lastState")]
            if any(end.get("reason") == "OOMKilled" for end in ended):
                return Trouble(
                    "memory", f"{what} ran out of memory, {one.get('restartCount', 0)} times", _MORE_MEMORY, SOON_S
                )
            if not one.get("ready"):
                return Trouble(
                    "algorithm", f"{what} is not ready", f"It may be short of memory. {_MORE_MEMORY}", LATER_S
                )
            if one.get("restartCount") and trials:
                return _forgetful(what)
        if trials and pod["metadata"]["creationTimestamp"] > max(_made(one) for one in trials):
            return _forgetful(what)
    return None


def _forgetful(what: str) -> Trouble:
    return Trouble(
        "forgetful",
        f"{what} was started again and has lost what it knew of the trials, as Katib keeps it in memory only",
        "Delete the Experiment and run the task again, or take algorithm random, which goes on.",
        SOON_S,
    )


def _of_metrics(trials: Sequence[Object], pods: Sequence[Object]) -> Trouble | None:
    by_trial = {(pod["metadata"].get("labels") or {}).get(OF_TRIAL, ""): pod for pod in pods}
    for trial in trials:
        pod = by_trial.get(trial["metadata"]["name"])
        if pod is None or not condition(trial, RUNNING):
            continue
        if re.fullmatch("Succeeded|Failed", (pod.get("status") or {}).get("phase", "")):
            return Trouble(
                "unnoted",
                f"trial/{trial['metadata']['name']} has ended and Katib has not noted it",
                "See whether the Deployments katib-controller and katib-db-manager run.",
                LATER_S,
            )
    return None


def _made(found: Object) -> str:
    return str(found["metadata"]["creationTimestamp"])
