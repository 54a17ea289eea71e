"""What the Kubernetes client does when the API server refuses, hangs up or does not answer."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from builders.wire import DROP, Answers, Asked, Reply, Wire, in_turn, serving
from foldline.cluster import INFERENCE_SERVICES, PODS, Cluster, connect
from foldline.cluster.faults import UnansweredError
from foldline.errors import ClusterError

GROUP = "serving.kserve.io"
SERVICE: dict[str, Any] = {
    "metadata": {"name": "late", "namespace": "team", "resourceVersion": "7", "labels": {}},
    "spec": {"predictor": {}},
}
FOUND = Reply(content=SERVICE)


def status(code: int, reason: str, message: str, **details: str) -> Reply:
    content = {"kind": "Status", "code": code, "reason": reason, "message": message, "details": details}
    return Reply(code, content)


ABSENT = status(404, "NotFound", f'inferenceservices.{GROUP} "late" not found', name="late", kind="inferenceservices")


class Sleeps:
    """Time that passes only where it is slept away."""

    def __init__(self) -> None:
        self.now, self.slept = 0.0, list[float]()

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def sleeps() -> Sleeps:
    return Sleeps()


@pytest.fixture
def connected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sleeps: Sleeps) -> Callable[[Wire], Cluster]:
    def make(wire: Wire) -> Cluster:
        monkeypatch.setenv("KUBECONFIG", str(wire.kubeconfig(tmp_path / "kubeconfig")))
        monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
        made = connect(capability="kserve")
        made._clock, made._sleep = sleeps.clock, sleeps.sleep
        return made

    return make


Connected = Callable[[Wire], Cluster]


def find(cluster: Cluster) -> Any:
    return cluster.find(INFERENCE_SERVICES, "team", "late")


@pytest.mark.parametrize(
    "fault",
    [DROP, status(500, "InternalError", "etcd is gone"), Reply(503, b"no body"), status(429, "Throttled", "slowly")],
    ids=["hangs up", "500", "503", "429"],
)
def test_a_fault_that_passes_is_waited_out(connected: Connected, sleeps: Sleeps, fault: Reply) -> None:
    with serving(in_turn(fault, fault, FOUND)) as wire:
        assert find(connected(wire)) == SERVICE
        assert len(wire.asked) == 3
    assert sleeps.slept == [0.2, 0.4]


def test_the_server_says_how_long_to_wait(connected: Connected, sleeps: Sleeps) -> None:
    slow = Reply(429, {"kind": "Status", "message": "slowly"}, {"Retry-After": "7"})
    with serving(in_turn(slow, FOUND)) as wire:
        find(connected(wire))
    assert sleeps.slept == [7.0]


def test_a_fault_that_does_not_pass_is_told_with_the_last_words(connected: Connected, sleeps: Sleeps) -> None:
    with (
        serving(in_turn(DROP, status(500, "InternalError", "failed calling webhook: connection refused"))) as wire,
        pytest.raises(
            UnansweredError, match=r"get inferenceservice/late in namespace team\): .*got failed calling webhook"
        ),
    ):
        find(connected(wire))
    assert 30 < sleeps.now <= 45


def test_nobody_at_the_address_is_told_as_such(connected: Connected) -> None:
    with serving(in_turn(FOUND)) as wire:
        cluster = connected(wire)
    with pytest.raises(UnansweredError, match="Connection refused"):
        find(cluster)


def test_a_missing_permission_is_named_with_its_role(connected: Connected) -> None:
    said = (
        f'inferenceservices.{GROUP} is forbidden: User "system:serviceaccount:team:pipeline-runner" cannot create '
        f'resource "inferenceservices" in API group "{GROUP}" in the namespace "team"'
    )
    with serving(in_turn(status(403, "Forbidden", said))) as wire, pytest.raises(ClusterError) as fault:
        connected(wire).create(INFERENCE_SERVICES, "team", SERVICE)
    text = str(fault.value)
    assert text.startswith(f"permission to create inferenceservices.{GROUP} in namespace team: ")
    assert "granted to service account team/pipeline-runner" in text
    assert "Apply the Role foldline-kserve in namespace team" in text
    assert len(wire.asked) == 1


def test_a_missing_permission_on_logs_names_the_subresource(connected: Connected) -> None:
    said = 'pods "a" is forbidden: User "eve" cannot get resource "pods/log" in API group "" in the namespace "team"'
    with (
        serving(in_turn(status(403, "Forbidden", said))) as wire,
        pytest.raises(
            ClusterError, match=r"^permission to get pods/log in namespace team: expected granted to user eve"
        ),
    ):
        connected(wire).log("team", "a", "main")


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (Reply(404, b"404 page not found\n"), r"serving\.kserve\.io/v1beta1 of the cluster.*KServe is not installed"),
        (status(404, "NotFound", 'namespaces "team" not found', name="team", kind="namespaces"), "^namespace team: "),
        (status(401, "Unauthorized", "Unauthorized"), "expected credentials that the API server accepts"),
        (
            status(400, "BadRequest", 'admission webhook "isvc.validator" denied the request: no such format'),
            r'status 400: admission webhook "isvc\.validator" denied the request: no such format',
        ),
        (status(403, "Forbidden", "exceeded quota: small"), "status 403: exceeded quota: small"),
        (status(409, "AlreadyExists", '"late" already exists'), "status 409: .*already exists"),
    ],
    ids=["no KServe", "no namespace", "no credentials", "webhook", "quota", "taken"],
)
def test_a_refusal_keeps_the_servers_words_and_is_not_repeated(connected: Connected, reply: Reply, said: str) -> None:
    with serving(in_turn(reply)) as wire, pytest.raises(ClusterError, match=said):
        connected(wire).create(INFERENCE_SERVICES, "team", SERVICE)
    assert len(wire.asked) == 1


def test_an_object_that_is_not_there_is_none_and_deleted_already(connected: Connected) -> None:
    with serving(in_turn(ABSENT)) as wire:
        assert find(connected(wire)) is None
        connected(wire).delete(INFERENCE_SERVICES, "team", "late")


def lost_creation(ours: bool) -> Answers:
    """The first creation is applied and its answer lost; the second finds the object there."""
    manager: list[str] = []

    def answer(asked: Asked) -> Reply:
        if asked.method == "GET":
            name = manager[0] if ours else "somebody"
            metadata = {**SERVICE["metadata"], "managedFields": [{"manager": name}]}
            return Reply(content={**SERVICE, "metadata": metadata})
        manager.append(asked.query["fieldManager"])
        return DROP if len(manager) == 1 else status(409, "AlreadyExists", '"late" already exists')

    return answer


def test_a_creation_whose_answer_was_lost_is_found_to_be_done(connected: Connected) -> None:
    with serving(lost_creation(ours=True)) as wire:
        assert connected(wire).create(INFERENCE_SERVICES, "team", SERVICE)["spec"] == SERVICE["spec"]
        assert [asked.method for asked in wire.asked] == ["POST", "POST", "GET"]


def test_an_object_of_somebody_else_is_not_taken_for_ours(connected: Connected) -> None:
    with serving(lost_creation(ours=False)) as wire, pytest.raises(ClusterError, match="already exists"):
        connected(wire).create(INFERENCE_SERVICES, "team", SERVICE)


def test_an_edit_is_made_anew_when_somebody_wrote_meanwhile(connected: Connected) -> None:
    versions = iter("789")

    def answer(asked: Asked) -> Reply:
        if asked.method == "GET":
            return Reply(content={**SERVICE, "metadata": {**SERVICE["metadata"], "resourceVersion": next(versions)}})
        if asked.content["metadata"]["resourceVersion"] == "7":
            return status(409, "Conflict", "the object has been modified")
        return FOUND

    with serving(answer) as wire:
        connected(wire).edit(INFERENCE_SERVICES, "team", "late", lambda _: {"spec": {"paused": True}})
        last = wire.asked[-1]
    assert [asked.method for asked in wire.asked] == ["GET", "PATCH", "GET", "PATCH"]
    assert last.headers["Content-Type"] == "application/merge-patch+json"
    assert last.content == {"spec": {"paused": True}, "metadata": {"resourceVersion": "8"}}


def test_an_edit_that_changes_nothing_writes_nothing(connected: Connected) -> None:
    with serving(in_turn(FOUND)) as wire:
        connected(wire).edit(INFERENCE_SERVICES, "team", "late", lambda _: None)
    assert [asked.method for asked in wire.asked] == ["GET"]


def test_requests_carry_the_token_and_the_selectors(connected: Connected) -> None:
    with serving(in_turn(Reply(content={"items": [SERVICE]}))) as wire:
        cluster = connected(wire)
        assert cluster.namespace == "team"
        assert cluster.select(PODS, "team", labels="a=b") == [SERVICE]
        asked = wire.asked[0]
    assert (asked.path, asked.query) == ("/api/v1/namespaces/team/pods", {"labelSelector": "a=b"})
    assert asked.headers["authorization"] == "Bearer a-token"


def test_the_last_lines_of_a_log_are_read_as_they_are(connected: Connected) -> None:
    with serving(in_turn(Reply(content=b'one\n{"two": 2}\n', headers={"content-type": "text/plain"}))) as wire:
        assert connected(wire).log("team", "a", "main") == ["one", '{"two": 2}']


def test_no_cluster_at_all_is_one_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(ClusterError, match="expected a pod with a service account's token, or a kubeconfig"):
        connect(capability="kserve")
