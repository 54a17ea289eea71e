"""An InferenceService in Knative mode, its revisions and its route: what their states mean."""

from typing import Any

import pytest

from builders.kserve_objects import SOURCE, container, crashed, pod, service
from foldline.errors import ArgumentError
from foldline.serving.deploy_canary.backends.knative import form
from foldline.serving.deploy_canary.backends.knative.form import Made, Seen
from foldline.waiting import Done, Failed, Outcome, Pending

Object = dict[str, Any]
OLD, NEW = "s3://b/late/1", "s3://b/late/2"
SERVES = Seen(NEW, 0, rolled_out="late-predictor-00001")
NEWEST = Made(NEW, "late-predictor-00002", "late-predictor-00002")


def revision(uri: str = NEW, name: str = "late-predictor-00002", **ready: str) -> Object:
    condition = {"type": "Ready", "status": "True", **ready}
    return {
        "metadata": {"name": name, "annotations": {SOURCE: uri}},
        "spec": {"containerConcurrency": 0, "timeoutSeconds": 300},
        "status": {"conditions": [condition]},
    }


def route(*targets: tuple[str, int], ready: str = "True", observed: int = 3) -> Object:
    return {
        "metadata": {"generation": 3},
        "status": {
            "observedGeneration": observed,
            "traffic": [{"revisionName": name, "percent": percent} for name, percent in targets],
            "conditions": [{"type": "Ready", "status": ready, "reason": "Uninitialized", "message": "not yet"}],
        },
    }


def test_a_patch_names_model_and_share_and_nothing_else() -> None:
    assert form.pointed_at(NEW, 10) == {
        "spec": {"predictor": {"canaryTrafficPercent": 10, "model": {"storageUri": NEW}}}
    }
    assert form.pointed_at(OLD, None)["spec"]["predictor"]["canaryTrafficPercent"] is None


def test_what_is_made_has_its_annotations_from_its_first_day() -> None:
    built = form.build("late", "team", OLD, {"minReplicas": 2, "model": {"resources": {"limits": {"cpu": "1"}}}})
    assert built["metadata"]["annotations"] == {
        "serving.kserve.io/deploymentMode": "Knative",
        "serving.kserve.io/enable-tag-routing": "true",
    }
    assert built["metadata"]["labels"] == {"app.kubernetes.io/managed-by": "foldline"}
    predictor = built["spec"]["predictor"]
    assert (predictor["minReplicas"], predictor["model"]["storageUri"]) == (2, OLD)
    assert predictor["model"]["resources"] == {"limits": {"cpu": "1"}}


@pytest.mark.parametrize(
    ("given", "key"), [({"minReplicas": 0}, "minReplicas"), ({"canaryTrafficPercent": 5}, "canaryTrafficPercent")]
)
def test_settings_that_the_rollout_cannot_have_are_refused(given: Object, key: str) -> None:
    with pytest.raises(ArgumentError, match=rf"inference_service\.{key}: "):
        form.check(given)


@pytest.mark.parametrize(
    ("asked", "found", "mode"),
    [
        ("Knative", "", "Knative"),
        ("", "Knative", "Knative"),
        ("Serverless", "", "Knative"),
        ("", "Standard", "Standard"),
        ("Knative", "Standard", "Standard"),
        ("RawDeployment", "", "Standard"),
        ("", "", ""),
    ],
)
def test_the_mode_is_what_kserve_says_and_before_that_what_is_asked(asked: str, found: str, mode: str) -> None:
    described: Object = {"metadata": {"annotations": {"serving.kserve.io/deploymentMode": asked}}, "status": {}}
    described["status"] = {"deploymentMode": found} if found else {}
    assert form.mode(described) == mode


def test_a_share_of_a_revision_that_is_rolled_out_leaves_the_rest_to_the_one_before() -> None:
    predictor = {"latestRolledoutRevision": "r2", "previousRolledoutRevision": "r1"}
    found = service(NEW)
    found["status"]["components"] = {"predictor": predictor}
    found["spec"]["predictor"]["canaryTrafficPercent"] = 20
    seen = form.seen(found)
    assert (seen.uri, seen.percent, seen.rest("r2"), seen.rest("r3")) == (NEW, 20, "r1", "r2")


def test_a_configuration_that_was_not_looked_at_yet_has_no_newest_revision() -> None:
    template = {"metadata": {"annotations": {SOURCE: NEW}}}
    status = {"observedGeneration": 2, "latestCreatedRevisionName": "r2", "latestReadyRevisionName": "r1"}
    seen = {"metadata": {"generation": 2}, "spec": {"template": template}, "status": status}
    assert form.made(seen) == Made(NEW, "r2", "r1")
    assert form.made({**seen, "metadata": {"generation": 3}}) == Made(NEW, "", "r1")
    assert form.made(None) == Made("")


@pytest.mark.parametrize(
    ("found", "known", "outcome"),
    [
        (route(("r1", 80), ("r2", 20)), None, Done()),
        (route(("r1", 80), ("r2", 15), ("r2", 5)), ["r1", "r2"], Done()),
        (route(("r1", 100), ("r2", 0)), ["r1", "r2"], Pending("r1 100 %")),
        (route(("r0", 80), ("r2", 20)), ["r1", "r2"], Failed("r0 80 %, r2 20 %")),
        (route(("r0", 80), ("r2", 20)), None, Pending("r0 80 %, r2 20 %")),
        (
            route(("r1", 80), ("r2", 20), ready="Unknown"),
            None,
            Pending("r1 80 %, r2 20 %; condition Ready of its route is Unknown: Uninitialized not yet"),
        ),
        (
            route(("r1", 80), ("r2", 20), observed=2),
            None,
            Pending("r1 80 %, r2 20 %; condition Ready of its route is True: Uninitialized not yet"),
        ),
        (None, None, Pending("no such route")),
    ],
)
def test_a_split_counts_when_the_router_has_it_and_no_stranger_gets_requests(
    found: Object | None, known: list[str] | None, outcome: Outcome
) -> None:
    assert form.judge_route(found, {"r1": 80, "r2": 20}, known) == outcome


UNREADY = revision(status="Unknown", reason="Deploying", message="")
BAD = crashed(3, name="storage-initializer", message="no such object")


@pytest.mark.parametrize(
    ("seen", "made", "found", "pods", "outcome"),
    [
        (SERVES, NEWEST, revision(), [], Done()),
        (None, NEWEST, revision(), [], Failed("it was deleted meanwhile")),
        (Seen(OLD, None), NEWEST, revision(), [], Failed(f"somebody pointed it at {OLD} meanwhile")),
        # Stable would be judged against stable.
        (
            SERVES,
            Made(OLD, "late-predictor-00001", "late-predictor-00001"),
            revision(OLD),
            [],
            Pending("no revision for this model yet; no condition"),
        ),
        (
            SERVES,
            Made(NEW, "late-predictor-00002", "late-predictor-00001"),
            revision(),
            [],
            Pending("revision/late-predictor-00002 is ready, and not yet for its route"),
        ),
        (SERVES, NEWEST, None, [], Pending("no revision for this model yet; no condition")),
        (SERVES, NEWEST, UNREADY, [], Pending("revision/late-predictor-00002: Deploying")),
        (
            SERVES,
            NEWEST,
            UNREADY,
            [pod(NEW, container("waiting", reason="PodInitializing"))],
            Pending("container kserve-container of pod/late-predictor-1 waits: PodInitializing"),
        ),
        (
            SERVES,
            NEWEST,
            UNREADY,
            [pod(NEW, BAD)],
            Failed(
                "container storage-initializer of pod/late-predictor-1 ended with exit code 1 (Error), 3 times: "
                "no such object"
            ),
        ),
        (
            SERVES,
            NEWEST,
            revision(status="False", reason="ProgressDeadlineExceeded", message="Initial scale was never achieved"),
            [],
            Failed("revision/late-predictor-00002: ProgressDeadlineExceeded Initial scale was never achieved"),
        ),
    ],
)
def test_only_a_ready_newest_revision_of_the_right_model_counts(
    seen: Seen | None, made: Made, found: Object | None, pods: list[Object], outcome: Outcome
) -> None:
    assert form.judge_revision(seen, made, found, pods, NEW) == outcome


def test_arms_are_scaled_alike_where_annotations_and_limits_are() -> None:
    first, second = revision(OLD), revision(NEW)
    assert form.scaling(first) == form.scaling(second)
    second["metadata"]["annotations"]["autoscaling.knative.dev/max-scale"] = "5"
    assert form.scaling(first) != form.scaling(second)
    second = revision(NEW)
    second["spec"]["containerConcurrency"] = 4
    assert form.scaling(first) != form.scaling(second)
