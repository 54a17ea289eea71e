"""An InferenceService in Knative mode, its revisions and its route as plain objects, and what they mean: no network.

Seen on KServe 0.20: a share given without a model sends the rest to the revision before; a challenger that never gets
ready leaves both shares with the champion; a label or annotation of the InferenceService makes a revision, and rolls it
out. So every patch names model and share, revisions are told apart by the model that they were made for, and nothing
else is written.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from foldline.cluster import Object
from foldline.errors import ArgumentError
from foldline.serving.deploy_canary.backends import inference_service
from foldline.serving.deploy_canary.backends.pods import SOURCE, is_ending, name_of, trouble
from foldline.serving.deploy_canary.backends.route import settings as shared
from foldline.waiting import Done, Failed, Outcome, Pending

MODE = "Knative"
_MODE_ANNOTATION = "serving.kserve.io/deploymentMode"
_PREDICTOR = "-predictor"
_PERCENT = "canaryTrafficPercent"
_SCALING = "autoscaling.knative.dev/"
_HOPELESS = ("ProgressDeadlineExceeded", "ContainerMissing", "ResolveDigestFailed")


@dataclass(frozen=True)
class Seen:
    """What an InferenceService asks for, and what KServe notes in it.

    Attributes:
        uri: of the model that it is to serve.
        percent: that the newest revision is to get; None where all.
        rolled_out, previous: names of the last two revisions that had all requests; empty where none.
        conditions: those that are not true, in words.
    """

    uri: str
    percent: int | None
    rolled_out: str = ""
    previous: str = ""
    conditions: str = ""

    def rest(self, newest: str) -> str:
        """The revision to which KServe gives what the share of the newest one leaves."""
        return self.previous if self.rolled_out == newest else self.rolled_out


@dataclass(frozen=True)
class Made:
    """What a Knative configuration has come to.

    Attributes:
        uri: of the model that its revisions are made for from now on.
        newest: name of the revision that was made for it as it is now; empty where none was yet.
        ready: name of the newest that became ready; empty where none did.
    """

    uri: str
    newest: str = ""
    ready: str = ""


def seen(service: Object) -> Seen:
    """What an InferenceService asks for and says."""
    predictor = service["spec"].get("predictor") or {}
    status = service.get("status") or {}
    found = (status.get("components") or {}).get("predictor") or {}
    return Seen(
        inference_service.model_uri(service),
        predictor.get(_PERCENT),
        found.get("latestRolledoutRevision", ""),
        found.get("previousRolledoutRevision", ""),
        "; ".join(
            f"condition {one['type']} is {one['status']}: {one.get('reason', '')} {one.get('message', '')}".strip()
            for one in status.get("conditions", [])
            if one["status"] != "True" and one.get("severity", "") != "Info"
        ),
    )


def made(configuration: Object | None) -> Made:
    """What a configuration says; nothing where there is none."""
    if configuration is None:
        return Made("")
    template = configuration["spec"]["template"]
    status = configuration.get("status") or {}
    current = status.get("observedGeneration", 0) == configuration["metadata"].get("generation", 0)
    return Made(
        model_of(template),
        status.get("latestCreatedRevisionName", "") if current else "",
        status.get("latestReadyRevisionName", ""),
    )


def mode(service: Object) -> str:
    """How KServe deploys it; empty where it has not looked at it yet and nothing is asked."""
    asked = (service["metadata"].get("annotations") or {}).get(_MODE_ANNOTATION, "")
    found = str((service.get("status") or {}).get("deploymentMode") or asked)
    return {"Serverless": MODE, "RawDeployment": "Standard"}.get(found, found)


def build(name: str, namespace: str, uri: str, settings: dict[str, Any]) -> Object:
    """The InferenceService `name` in Knative mode for the model at `uri`, with settings of `spec.predictor`."""
    body = inference_service.build(name, namespace, uri, cluster_local=False)
    body["metadata"]["annotations"] = {_MODE_ANNOTATION: MODE, "serving.kserve.io/enable-tag-routing": "true"}
    body["spec"]["predictor"] = shared.merged(body["spec"]["predictor"], settings)
    return body


def check(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings of `spec.predictor` that both arms get.

    Raises:
        ArgumentError: one is set by the rollout itself, or lets an arm be without pods.
    """
    if settings.get("minReplicas", 1) < 1:
        raise ArgumentError(
            "inference_service.minReplicas",
            expected="at least 1 with backend knative",
            got=repr(settings["minReplicas"]),
            fix="An arm without pods answers its first requests late, which would count against it.",
        )
    return shared.allowed(settings)


def predictor_name(name: str) -> str:
    """Name of the Knative objects of an InferenceService's predictor."""
    return f"{name}{_PREDICTOR}"


def pointed_at(uri: str, percent: int | None) -> Object:
    """The merge patch that lets the newest revision serve the model at `uri` with this share; None for all."""
    return {"spec": {"predictor": {_PERCENT: percent, "model": {"storageUri": uri}}}}


def model_of(revision: Object) -> str:
    """Address of the model that a revision, or a template of revisions, is for."""
    return str((revision.get("metadata", {}).get("annotations") or {}).get(SOURCE, ""))


def shares(route: Object) -> dict[str, int]:
    """Percent of the requests by revision, as the route has it in force; a revision may have 0."""
    found: dict[str, int] = {}
    for target in (route.get("status") or {}).get("traffic") or []:
        name = str(target.get("revisionName", ""))
        found[name] = found.get(name, 0) + int(target.get("percent") or 0)
    return found


def reached(route: Object) -> dict[str, int]:
    """The revisions that get requests, with their percent."""
    return {name: percent for name, percent in shares(route).items() if percent}


def judge_route(route: Object | None, wanted: dict[str, int], known: Collection[str] | None = None) -> Outcome:
    """Whether the requests are split as wanted, and by the router too: it is ready with this generation.

    Args:
        wanted: percent by revision; what is not in it must get nothing.
        known: revisions that may get requests until then; None where any may.
    """
    if route is None:
        return Pending("no such route")
    status, found = route.get("status") or {}, reached(route)
    described = ", ".join(f"{name} {percent} %" for name, percent in sorted(found.items())) or "nobody"
    if known is not None and not found.keys() <= set(known):
        return Failed(described)
    if found != {name: percent for name, percent in wanted.items() if percent}:
        return Pending(described)
    ready = next((one for one in status.get("conditions", []) if one["type"] == "Ready"), {"status": "missing"})
    if status.get("observedGeneration", 0) < route["metadata"].get("generation", 0) or ready["status"] != "True":
        words = " ".join(str(ready.get(key, "")) for key in ("reason", "message")).strip()
        return Pending(f"{described}; condition Ready of its route is {ready['status']}: {words}")
    return Done()


def judge_revision(now: Seen | None, newest: Made, revision: Object | None, pods: list[Object], uri: str) -> Outcome:
    """Whether the newest revision is one for the model at `uri`, and ready.

    Args:
        now: None where there is no InferenceService.
        revision: the newest one; None where there is none.
        pods: of that revision.
    """
    if now is None:
        return Failed("it was deleted meanwhile")
    if now.uri != uri:
        return Failed(f"somebody pointed it at {now.uri or 'no model'} meanwhile")
    if newest.uri != uri or revision is None:
        return Pending(f"no revision for this model yet; {now.conditions or 'no condition'}")
    name = name_of(revision)
    conditions = {one["type"]: one for one in (revision.get("status") or {}).get("conditions", [])}
    ready = conditions.get("Ready", {"status": "missing"})
    if ready["status"] == "True":
        return Done() if newest.ready == name else Pending(f"revision/{name} is ready, and not yet for its route")
    words = " ".join(str(ready.get(key, "")) for key in ("reason", "message")).strip()[:400]
    troubles = [found for pod in pods if not is_ending(pod) and (found := trouble(pod)) is not None]
    hopeless = next((found for found in troubles if found.hopeless), None)
    if hopeless is not None:
        return Failed(hopeless.state)
    if ready["status"] == "False" and ready.get("reason") in _HOPELESS:
        return Failed(f"revision/{name}: {words}")
    return Pending(troubles[0].state if troubles else f"revision/{name}: {words or 'not ready'}")


def scaling(revision: Object) -> dict[str, str]:
    """What decides about the number of its pods and the requests of each."""
    annotations = revision["metadata"].get("annotations") or {}
    spec = revision["spec"]
    return {
        **{name: str(value) for name, value in annotations.items() if name.startswith(_SCALING)},
        "containerConcurrency": str(spec.get("containerConcurrency")),
        "timeoutSeconds": str(spec.get("timeoutSeconds")),
    }
