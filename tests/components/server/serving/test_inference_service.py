"""What the state of an InferenceService and of its pods means, and what is asked of KServe."""

import re
from typing import Any

import pytest

from builders.kserve_objects import container, crashed, pod, service
from foldline.errors import ArgumentError
from foldline.serving.deploy_canary.backends import inference_service as form
from foldline.serving.deploy_canary.backends.inference_service import Seen, judge
from foldline.serving.deploy_canary.backends.pods import speaker
from foldline.waiting import Done, Failed, Outcome, Pending

OLD, NEW = "s3://models/late/versions/old", "s3://models/late/versions/new"
READY = pod(NEW, ready=True)
UNSCHEDULABLE = [
    {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes: too little memory"}
]
INVALID = {
    "transitionStatus": "InvalidSpec",
    "lastFailureInfo": {"reason": "RuntimeNotRecognized", "message": "Waiting for runtime to become available"},
}
LOAD_FAILED = {
    "transitionStatus": "BlockedByFailedLoad",
    "states": {"targetModelState": "FailedToLoad"},
    "lastFailureInfo": {"reason": "ModelLoadFailed", "message": "Traceback\nno bucket named models"},
}


@pytest.mark.parametrize(
    ("seen", "outcome", "said"),
    [
        (Seen(service(NEW), [READY]), Done, ""),
        (Seen(None), Failed, "it was deleted meanwhile"),
        (Seen(service(OLD), [READY]), Failed, f"somebody pointed it at {OLD} meanwhile"),
        (Seen(service(NEW)), Pending, "no pod yet"),
        (Seen(service(NEW), [], ["FailedCreate: exceeded quota"]), Pending, "FailedCreate: exceeded quota"),
        (Seen(service(NEW, model_status=INVALID)), Failed, "RuntimeNotRecognized: Waiting for runtime to become"),
        (Seen(service(NEW), [pod(OLD, ready=True, name="late-predictor-0")]), Pending, "no pod yet"),
        (
            Seen(service(NEW), [READY, pod(OLD, ready=True, name="late-predictor-0")]),
            Pending,
            "pod/late-predictor-0 of the model before has not ended",
        ),
        (
            Seen(service(NEW), [READY, pod(OLD, name="late-predictor-0", ending=True)]),
            Pending,
            "pod/late-predictor-0 of the model before has not ended",
        ),
        (Seen(service(NEW), [pod(NEW, ready=True, ending=True)]), Pending, "no pod yet"),
        (Seen(service(NEW, IngressReady="False"), [READY]), Pending, "condition IngressReady is False"),
        (Seen(service(NEW, Ready="Unknown"), [READY]), Pending, "condition Ready is Unknown"),
        (
            Seen(service(NEW), [pod(NEW, container())]),
            Pending,
            "kserve-container of pod/late-predictor-1 runs and is not",
        ),
        (Seen(service(NEW), [pod(NEW, conditions=UNSCHEDULABLE)]), Pending, "is Unschedulable: 0/1 nodes: too little"),
        (
            Seen(service(NEW), [pod(NEW, container("waiting", reason="ImagePullBackOff", message="not found"))]),
            Pending,
            r"has ImagePullBackOff \(image ghcr.io/foldline/foldline-server:1\): not found",
        ),
        (
            Seen(service(NEW), [pod(NEW, container("waiting", reason="InvalidImageName", message="bad"))]),
            Failed,
            "has InvalidImageName",
        ),
        (
            Seen(
                service(NEW), [pod(NEW, container("waiting", reason="CreateContainerConfigError", message="no secret"))]
            ),
            Failed,
            "has CreateContainerConfigError .*no secret",
        ),
        *(
            (Seen(service(NEW), [pod(NEW, container("waiting", reason=reason, message=words))]), Pending, words)
            for reason, words in (
                ("CreateContainerConfigError", "failed to sync secret cache: timed out waiting for the condition"),
                ("CreateContainerError", "context deadline exceeded"),
                ("CreateContainerError", 'failed to reserve container name "late_0": name is reserved'),
            )
        ),
        (
            Seen(service(NEW, model_status=LOAD_FAILED), [pod(NEW, crashed(1, "storage-initializer"))]),
            Pending,
            r"storage-initializer .* with exit code 1 \(Error\), 1 times; ModelLoadFailed: no bucket named models",
        ),
        (
            Seen(service(NEW, model_status=LOAD_FAILED), [pod(NEW, crashed(3, "storage-initializer"))]),
            Failed,
            "3 times; ModelLoadFailed: no bucket named models",
        ),
        (
            Seen(service(NEW), [pod(NEW, crashed(2, message="a\nmodel.json is torn\n"))]),
            Pending,
            "2 times: model.json is torn",
        ),
        (Seen(service(NEW), [pod(NEW, crashed(3))]), Failed, "3 times"),
        (Seen(service(NEW), [pod(NEW, crashed(1, reason="OOMKilled", code=137))]), Failed, r"137 \(OOMKilled\)"),
        (Seen(service(NEW), [READY, pod(NEW, crashed(3), name="late-predictor-2")]), Failed, "late-predictor-2"),
        (Seen(service(NEW), [READY, pod(OLD, crashed(9), name="late-predictor-0")]), Pending, "of the model before"),
    ],
)
def test_only_a_model_that_alone_answers_is_ready(seen: Seen, outcome: type[Outcome], said: str) -> None:
    found = judge(seen, NEW)
    assert type(found) is outcome
    if said:
        assert re.search(said, getattr(found, "state", "")), found


def test_ready_of_a_model_before_is_not_believed_while_the_next_one_cannot_be_pulled() -> None:
    pulling = pod(NEW, container("waiting", reason="ErrImagePull", message="not found"), name="late-predictor-2")
    assert isinstance(judge(Seen(service(NEW), [pod(OLD, ready=True), pulling]), NEW), Pending)


def test_the_log_of_the_container_that_began_and_does_not_serve_is_read() -> None:
    waiting = pod(NEW, container("waiting", reason="ContainerCreating"), name="late-predictor-2")
    assert speaker([READY, pod(OLD, crashed(1)), waiting], NEW) is None
    assert speaker([waiting, pod(NEW, crashed(2), name="late-predictor-3")], NEW) == (
        "late-predictor-3",
        "kserve-container",
    )


def test_the_object_names_runtime_account_and_address_and_holds_no_state() -> None:
    made = form.build("late-challenger", "team", NEW, cluster_local=True)
    assert made["metadata"]["labels"] == {
        "app.kubernetes.io/managed-by": "foldline",
        "networking.kserve.io/visibility": "cluster-local",
    }
    assert made["metadata"]["annotations"] == {"serving.kserve.io/deploymentMode": "Standard"}
    predictor = made["spec"]["predictor"]
    assert predictor["serviceAccountName"] == "foldline-server"
    assert predictor["model"] == {
        "modelFormat": {"name": "foldline", "version": "1"},
        "runtime": "foldline-server",
        "storageUri": NEW,
    }
    assert form.is_ours(made)
    assert form.model_uri(made) == NEW
    assert form.build("late", "team", NEW, cluster_local=False)["metadata"]["labels"] == form.MANAGED_BY


def test_warnings_are_those_of_the_service_and_its_parts_in_order() -> None:
    def event(about: str, message: str, second: int) -> dict[str, Any]:
        moment = f"2026-01-01T00:00:0{second}Z"
        return {
            "involvedObject": {"name": about},
            "reason": "R",
            "message": message,
            "lastTimestamp": moment,
            "metadata": {},
        }

    events = [event("late-predictor-5b", "second", 2), event("late", "first", 1), event("later", "other", 3)]
    assert form.warnings(events, "late") == ["R: first", "R: second"]


@pytest.mark.parametrize(
    ("store_uri", "model_name", "said"),
    [
        ("models", "late", r"store_uri: expected a bucket \(s3://.*got 'models'.*Pods cannot read a folder"),
        ("file:///models", "late", "store_uri: expected a bucket"),
        ("s3://models", "Late", "model_name: expected 1 to 42 lower-case letters"),
        ("s3://models", "on_time", "model_name"),
        ("s3://models", "1st", "model_name"),
        ("s3://models", "late-", "model_name"),
        ("s3://models", "a" * 43, "model_name"),
    ],
)
def test_what_kserve_cannot_serve_is_refused(store_uri: str, model_name: str, said: str) -> None:
    with pytest.raises(ArgumentError, match=said):
        form.check_arguments(store_uri, model_name)
    form.check_arguments("minio://models/prefix", "a" * 42)


def test_every_name_that_is_made_of_a_model_fits_into_a_label() -> None:
    host, port = form.address(service(NEW, name=form.challenger_name("a" * 42)))
    assert (len(host.partition(".")[0]), host[63:], port) == (63, ".team.svc", 80)


def test_the_predictor_is_asked_where_kserve_says() -> None:
    found = service(NEW)
    found["status"]["address"] = {"url": "http://late-predictor.team.svc.cluster.example:8080"}
    assert form.address(found) == ("late-predictor.team.svc.cluster.example", 8080)
