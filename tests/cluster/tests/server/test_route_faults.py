"""The backend `route` where something is in the way: killed drivers, missing pods, foreign edits, refused routes."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict

import pytest

from builders.route_lab import PROMETHEUS, READY_S, Lab, Users
from foldline.errors import ServingError
from foldline.serving.deploy_canary.backends.route.gateway import read
from foldline.serving.deploy_canary.backends.route.router import Router
from foldline.serving.deploy_canary.backends.route.split import Revision, RouteSplit

pytestmark = [pytest.mark.level("serving"), pytest.mark.timeout(1500)]

ROUTE = "httproute/foldline-late"
# One that is killed before its write of the given number (from 1).
DRIVER = """
import json, os, signal, sys
from foldline.cluster import connect
from foldline.serving.deploy_canary.backends.route import gateway
from foldline.serving.deploy_canary.backends.route.router import Router
from foldline.serving.deploy_canary.backends.route.split import Revision, RouteSplit

namespace, champion, challenger, calls, last = json.loads(sys.argv[1])
writes = 0

def die():
    global writes
    writes += 1
    if writes == last:
        os.kill(os.getpid(), signal.SIGKILL)

cluster = connect(capability="kserve").guarded(die)
rollouts = cluster.granted_by("rollouts")
router = Router(rollouts, namespace, "late", gateway.find(rollouts, namespace, "kserve/kserve-ingress-gateway"))
split = RouteSplit(
    cluster, router, "late", champion=Revision(**champion), challenger=Revision(**challenger), counters=None,
    inference_service={}, timeout_s=180.0,
)
for call, *arguments in calls:
    answer = getattr(split, call)(*arguments)
    if call == "promote":
        answer.wait_ready(180.0)
"""


def drive(lab: Lab, champion: Revision, challenger: Revision, calls: list[list[object]], last: int) -> int:
    arguments = json.dumps([lab.namespace, asdict(champion), asdict(challenger), calls, last])
    return subprocess.run([sys.executable, "-c", DRIVER, arguments], check=False, timeout=300).returncode


def eventually(look: Callable[[], object], timeout_s: float = 120.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not look():
        assert time.monotonic() < deadline
        time.sleep(1.0)


FORWARD: list[list[object]] = [["start"], ["shift", 10], ["shift", 50], ["promote"], ["settle"]]
BACK: list[list[object]] = [["start"], ["shift", 50], ["revert"]]
# start: InferenceService; shift: one of ten thousand, then the share; promote: almost all, then first, then alone;
# settle: delete.
FORWARD_WRITES = 8
BACK_WRITES = 6


def test_a_driver_may_be_killed_before_every_write_of_a_promotion(lab: Lab) -> None:
    champion = lab.served_first()
    with Users(lab.router()) as users:
        for last in range(1, FORWARD_WRITES + 1):
            challenger = lab.model(f"f{last}")
            assert drive(lab, champion, challenger, FORWARD, last) == -signal.SIGKILL
            assert drive(lab, champion, challenger, FORWARD, 0) == 0
            assert lab.weights() == {f"late-f{last}-predictor": 10000}
            assert list(lab.site.services()) == [f"late-f{last}"]
            champion = challenger
        assert drive(lab, champion, lab.model("last"), FORWARD, FORWARD_WRITES + 1) == 0
    assert users.failed() == []


def test_a_driver_may_be_killed_before_every_write_of_the_way_back(lab: Lab) -> None:
    champion = lab.served_first()
    with Users(lab.router()) as users:
        for last in range(1, BACK_WRITES + 1):
            challenger = lab.model(f"b{last}")
            assert drive(lab, champion, challenger, BACK, last) == -signal.SIGKILL
            assert drive(lab, champion, challenger, [["revert"]], 0) == 0
            assert lab.weights() == {"late-aaa-predictor": 10000}
            assert list(lab.site.services()) == ["late-aaa"]
        assert drive(lab, champion, lab.model("last"), BACK, BACK_WRITES + 1) == 0
    assert users.failed() == []


def test_a_challenger_without_ready_endpoints_gets_nothing(lab: Lab) -> None:
    champion = lab.served_first()
    broken = Revision("bbb", lab.model("bbb").uri + "/nothing")
    split = lab.split(champion, broken, timeout_s=15.0)
    with Users(lab.router()) as users:
        split.start()
        said = (
            r"service/late-bbb-predictor in namespace .* a ready endpoint within 15 s, got no (such Service|ready end)"
        )
        for call in (lambda: split.shift(10), lambda: split.mirror(10), split.promote):
            with pytest.raises(ServingError, match=said):
                call()
        assert lab.weights() == {"late-aaa-predictor": 10000}
        lab.split(champion, broken).revert()
    assert users.failed() == []
    assert list(lab.site.services()) == ["late-aaa"]


def test_pods_that_go_in_the_middle_count_against_the_rollout(lab: Lab) -> None:
    split = lab.split(lab.served_first(), lab.model("bbb"))
    split.start().wait_ready(READY_S)
    with Users(lab.router()) as users:
        split.shift(30)
        eventually(lambda: not split.read().problem)
        lab.kubectl("scale", "deployment", "late-bbb-predictor", "--replicas=0")
        eventually(lambda: (split.read().unserved or 0) > 20)
        problem = split.read().problem
        split.revert()
        reverted = time.time()
        time.sleep(5)
    assert "service/late-bbb-predictor: no ready endpoint" in problem
    assert [one for one in users.failed() if one.at > reverted] == []
    # Nobody answers at the address of a pod that has just gone.
    assert {503} <= {one.status for one in users.failed()} <= {0, 503, 504}
    assert lab.weights() == {"late-aaa-predictor": 10000}


def test_there_is_no_way_back_to_a_champion_without_servers(lab: Lab) -> None:
    champion, challenger = lab.served_first(), lab.model("bbb")
    lab.split(champion, challenger).start().wait_ready(READY_S)
    split = lab.split(champion, challenger, timeout_s=10.0)
    split.shift(30)
    eventually(lambda: not split.read().problem)
    lab.kubectl("scale", "deployment", "late-aaa-predictor", "--replicas=0")
    eventually(lambda: "service/late-aaa-predictor: no ready endpoint" in split.read().problem)
    with Users(lab.router()) as users:
        with pytest.raises(
            ServingError, match=r"service/late-aaa-predictor in namespace .* a ready endpoint within 10 s"
        ):
            split.revert()
        # Its own share is still answered, and what the champion does not answer is not the challenger's fault.
        assert lab.weights() == {"late-aaa-predictor": 7000, "late-bbb-predictor": 3000}
        assert users.shares()["late-bbb"] > 0
        assert split.read().champion_was_out
        lab.kubectl("scale", "deployment", "late-aaa-predictor", "--replicas=1")
        lab.split(champion, challenger).revert()
        reverted = time.time()
        time.sleep(3)
    assert [one for one in users.failed() if one.at > reverted] == []
    assert {one.served_by for one in users.failed()} <= {"", "late-aaa"}
    assert (list(lab.site.services()), lab.weights()) == (["late-aaa"], {"late-aaa-predictor": 10000})


def test_a_service_that_somebody_deletes_is_told_and_comes_back(lab: Lab) -> None:
    split = lab.split(lab.served_first(), lab.model("bbb"))
    split.start().wait_ready(READY_S)
    with Users(lab.router()) as users:
        split.shift(30)
        lab.kubectl("delete", "service", "late-bbb-predictor")
        # KServe makes it again.
        split.shift(50)
        shifted = time.time()
        time.sleep(3)
        lab.kubectl("delete", "inferenceservice", "late-bbb")
        # A driver that comes back serves it again, with the champion alone meanwhile.
        split.start().wait_ready(READY_S)
        assert lab.weights() == {"late-aaa-predictor": 10000}
        split.shift(50)
        back = time.time()
        time.sleep(3)
        split.promote().wait_ready(READY_S)
        split.settle()
    failed = users.failed()
    assert [one for one in failed if one.at > back] == []
    assert users.shares(shifted)["late-bbb"] > 0
    assert list(lab.site.services()) == ["late-bbb"]


def replace(path: str, value: object) -> dict[str, object]:
    return {"op": "replace", "path": path, "value": value}


def test_what_somebody_else_does_to_the_route_is_seen(lab: Lab) -> None:
    champion, challenger = lab.served_first(), lab.model("bbb")
    split = lab.split(champion, challenger)
    split.start().wait_ready(READY_S)
    split.shift(10)
    weight = "/spec/rules/0/backendRefs/{}/weight"
    lab.patch_route(replace(weight.format(0), 6000), replace(weight.format(1), 4000))
    assert split.percent() == 40.0
    lab.patch_route({"op": "remove", "path": "/spec/rules/0/backendRefs/1/filters"})
    assert "has a backendRef without a filter: both arms share their counters" in split.read().problem
    lab.patch_route({"op": "remove", "path": "/spec/rules/0/backendRefs/1"})
    assert split.percent() is None
    # Asked again, it is as asked again.
    split.shift(10)
    assert (split.percent(), lab.weights()) == (10.0, {"late-aaa-predictor": 9000, "late-bbb-predictor": 1000})
    lab.patch_route(replace("/spec/rules/0/backendRefs/0/name", "somebody-predictor"))
    with pytest.raises(ServingError, match=r"requests to late-aaa and late-bbb only, got somebody=9000,late-bbb=1000"):
        split.start()
    lab.kubectl("delete", ROUTE)
    assert (split.percent(), split.read().champion) == (None, None)
    assert "is gone" in split.read().problem
    with pytest.raises(ServingError, match=f"{ROUTE} in namespace .* a route that exists, got none"):
        split.shift(10)
    split.revert()
    assert lab.weights() == {"late-aaa-predictor": 10000}
    lab.kubectl("label", ROUTE, "app.kubernetes.io/managed-by=somebody", "--overwrite")
    with pytest.raises(ServingError, match="got one that somebody else made"):
        split.percent()


def test_without_prometheus_there_is_no_evidence(lab: Lab) -> None:
    champion, challenger = lab.served_first(), lab.model("bbb")
    away = lab.split(champion, challenger, prometheus="http://127.0.0.1:1")
    away.start().wait_ready(READY_S)
    away.shift(10)
    reading = away.read()
    assert (reading.champion, reading.challenger, reading.unserved) == (None, None, None)
    assert "Prometheus at http://127.0.0.1:1: expected an answer" in reading.problem
    # Before a first request an arm has none, and no error.
    there = lab.split(champion, challenger, prometheus=PROMETHEUS)
    eventually(lambda: there.read().challenger is not None)
    assert there.read().challenger.errors == 0


GATEWAY = {
    "apiVersion": "gateway.networking.k8s.io/v1",
    "kind": "Gateway",
    "metadata": {"name": "narrow"},
    "spec": {
        "gatewayClassName": "envoy",
        "listeners": [{"name": "http", "protocol": "HTTP", "port": 80, "hostname": "*.narrow.example"}],
    },
}


def test_a_route_that_is_not_accepted_is_told_with_the_words_of_its_condition(lab: Lab) -> None:
    lab.kubectl("create", "--filename=-", given=GATEWAY)

    def made() -> dict[str, object]:
        return json.loads(lab.kubectl("get", "gateway", "narrow", "--output=json"))

    eventually(lambda: (made().get("status") or {}).get("addresses"))
    gateway = read(made(), lab.namespace)
    assert gateway.domain == "narrow.example"
    router = Router(lab.rollouts, lab.namespace, "late", gateway, hostname="late.elsewhere.example")
    split = RouteSplit(
        lab.cluster,
        router,
        "late",
        champion=None,
        challenger=lab.model("aaa"),
        counters=None,
        inference_service={},
        timeout_s=120.0,
    )
    split.start().wait_ready(READY_S)
    said = rf"{ROUTE} in namespace {lab.namespace} on gateway {lab.namespace}/narrow: .*"
    with pytest.raises(
        ServingError, match=said + "condition Accepted is False: NoMatchingListenerHostname: .*hostname"
    ):
        split.promote()
    split.revert()
    assert lab.kubectl("get", "httproutes", "--output=name") == ""
