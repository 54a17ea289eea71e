"""The backend `route` on a real KServe, Envoy Gateway and Prometheus, under load."""

import json
import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from builders.route_lab import GATEWAY, READY_S, Lab, Users
from builders.serving_site import Kubectl, Site
from foldline.artifacts import Model
from foldline.cluster import connect
from foldline.errors import ClusterError
from foldline.serving.deploy_canary.backends.route import gateway, probe
from foldline.serving.deploy_canary.backends.route.split import Revision, RouteSplit
from foldline.serving.reading import Reading
from foldline.store import open_store

pytestmark = [pytest.mark.level("serving"), pytest.mark.timeout(1200)]


def eventually(look: Callable[[], object], timeout_s: float = 90.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not look():
        assert time.monotonic() < deadline
        time.sleep(1.0)


def grown(split: RouteSplit, before: Reading, requests: int) -> Reading:
    """A reading with at least so many requests more, of both arms together."""

    def of(reading: Reading) -> int:
        arms = (reading.champion, reading.challenger)
        return sum(arm.requests if arm else 0 for arm in arms)

    readings = [before]
    eventually(lambda: of(readings[-1]) - of(before) >= requests or readings.append(split.read()), 240.0)
    return readings[-1]


def test_this_cluster_can_split_by_a_route(kubeconfig: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    assert probe.chosen(connect(capability="rollouts"), "default", "late").backend == "route"


def test_a_gateway_that_the_account_may_not_see_is_told(lab: Lab, kubectl: Kubectl) -> None:
    assert probe.chosen(lab.rollouts, lab.namespace, "late").backend == "route"
    assert gateway.find(lab.rollouts, lab.namespace, GATEWAY).port == 80
    with pytest.raises(ClusterError, match=r"permission to list gateways\..* in all namespaces: .* Name the one"):
        gateway.find(lab.rollouts, lab.namespace, "")
    kubectl("delete", "rolebinding", lab.namespace, "--namespace=kserve")
    said = "permission to get gateways.* Apply the Role foldline-rollouts in namespace kserve and bind it"
    eventually(lambda: refused(lambda: gateway.find(lab.rollouts, lab.namespace, GATEWAY), said))


def refused(call: Callable[[], object], said: str) -> bool:
    try:
        call()
    except ClusterError as fault:
        return re.search(said, str(fault)) is not None
    return False


def test_a_challenger_is_promoted_under_load_without_a_failed_request(lab: Lab) -> None:
    champion, challenger = lab.served_first(), lab.model("bbb")
    assert list(lab.site.services()) == ["late-aaa"]
    split = lab.split(champion, challenger)
    with Users(lab.router(), rate=200, threads=16) as users:
        split.start().wait_ready(180)
        assert split.percent() is None
        split.shift(10)
        at = time.time()
        assert split.percent() == 10.0
        eventually(lambda: not split.read().problem)
        before = split.read()
        after = grown(split, before, 1500)
        ten = users.shares(at)
        split.shift(50)
        assert lab.weights() == {"late-aaa-predictor": 5000, "late-bbb-predictor": 5000}
        at = time.time()
        time.sleep(5)
        half = users.shares(at)
        server = split.promote()
        server.wait_ready(60)
        at = time.time()
        split.settle()
        time.sleep(3)
        whole = users.shares(at)
    seconds = users.answers[-1].at - users.answers[0].at
    print(f"{len(users.answers)} requests, {len(users.answers) / seconds:.0f} a second")
    assert users.failed() == []
    assert 0.05 < ten["late-bbb"] / sum(ten.values()) < 0.15
    assert 0.4 < half["late-bbb"] / sum(half.values()) < 0.6
    assert set(whole) == {"late-bbb"}
    assert list(lab.site.services()) == ["late-bbb"]
    assert (before.problem, after.problem, after.unserved) == ("", "", 0)
    counted = {
        role: getattr(after, role).requests - getattr(before, role).requests for role in ("champion", "challenger")
    }
    assert 0.05 < counted["challenger"] / sum(counted.values()) < 0.15
    # A reading ends with its scrape, the users go on.
    assert 1500 <= sum(counted.values()) <= len(users.answers)
    for arm in (after.champion, after.challenger):
        assert arm is not None
        assert arm.errors == 0
        assert arm.latency_ms is not None
        # The histogram is some seconds behind, at the first look and at the last.
        assert 0.4 < arm.latency_ms.total / arm.requests < 2.5
        assert arm.latency_ms.edges[:3] == (0.5, 1.0, 5.0)


def test_a_challenger_that_fails_is_seen_and_taken_out(lab: Lab) -> None:
    split = lab.split(lab.served_first(), lab.model("bbb", err=0.5, delay_ms=60.0))
    split.start().wait_ready(READY_S)
    with Users(lab.router()) as users:
        split.shift(20)
        eventually(lambda: not split.read().problem)
        before = split.read()
        after = grown(split, before, 1000)
        split.revert()
        reverted = time.time()
        time.sleep(5)
    assert {one.served_by for one in users.failed()} == {"late-bbb"}
    assert [one for one in users.failed() if one.at > reverted] == []
    assert set(users.shares(reverted)) == {"late-aaa"}
    assert (list(lab.site.services()), lab.weights()) == (["late-aaa"], {"late-aaa-predictor": 10000})
    champion, challenger = after.champion, after.challenger
    assert champion is not None
    assert challenger is not None
    assert champion.errors == 0
    requests = challenger.requests - before.challenger.requests
    assert 0.3 < (challenger.errors - before.challenger.errors) / requests < 0.7
    # 60 ms are in the bin from 50 to 100 ms, or later ones.
    assert sum(challenger.latency_ms.counts[:6]) < 0.1 * challenger.latency_ms.total
    assert split.percent() is None


def test_a_promoted_challenger_is_taken_back_without_a_failed_request(lab: Lab) -> None:
    split = lab.split(lab.served_first(), lab.model("bbb"))
    split.start().wait_ready(READY_S)
    with Users(lab.router()) as users:
        split.shift(50)
        split.promote().wait_ready(READY_S)
        promoted = time.time()
        assert (split.percent(), lab.weights()) == (100.0, {"late-bbb-predictor": 10000})
        eventually(lambda: not split.read().problem)
        reading = split.read()
        split.revert()
        reverted = time.time()
        time.sleep(5)
    assert users.failed() == []
    assert users.shares(promoted)["late-bbb"] > 100
    assert set(users.shares(reverted)) == {"late-aaa"}
    assert (reading.champion, list(lab.site.services())) == (None, ["late-aaa"])
    assert reading.challenger is not None


def test_copies_reach_the_challenger_and_its_answers_nobody(lab: Lab) -> None:
    split = lab.split(lab.served_first(), lab.model("bbb", err=0.5, delay_ms=500.0))
    split.start().wait_ready(READY_S)
    with Users(lab.router(), rate=50) as users:
        split.mirror(20)
        eventually(lambda: not split.read().problem)
        before, first = split.read(), len(users.answers)
        time.sleep(20)
        after, asked = split.read(), len(users.answers) - first
        assert split.percent() == 0.0
        split.shift(50)
        assert lab.weights() == {"late-aaa-predictor": 5000, "late-bbb-predictor": 5000}
        split.mirror(0)
        split.revert()
    assert {one.served_by for one in users.answers[: first + asked]} == {"late-aaa"}
    copied = after.challenger.requests - before.challenger.requests
    assert 0.1 < copied / asked < 0.3
    assert 0.2 < (after.challenger.errors - before.challenger.errors) / copied < 0.8
    assert after.champion.errors == 0


def test_a_first_model_that_fails_its_examination_leaves_nothing(lab: Lab) -> None:
    split = lab.split(None, lab.model("aaa"))
    split.start().wait_ready(READY_S)
    assert (split.percent(), split.read().problem) == (
        None,
        f"httproute/foldline-late in namespace {lab.namespace} is gone",
    )
    split.promote().wait_ready(READY_S)
    assert split.percent() == 100.0
    split.revert()
    assert list(lab.site.services()) == []
    assert lab.kubectl("get", "httproutes", "--output=name") == ""


def test_both_arms_get_the_settings_of_the_user(lab: Lab) -> None:
    champion, challenger = lab.served_first(), lab.model("bbb")
    scaling = {"minReplicas": 2, "maxReplicas": 3, "scaleMetric": "cpu", "scaleTarget": 70, "containerConcurrency": 4}
    # KFP makes a float of every number.
    settings = {**scaling, "minReplicas": 2.0}
    with Users(lab.router()) as users:
        split = lab.split(champion, challenger, **settings, model={"resources": {"requests": {"cpu": "20m"}}})
        split.start().wait_ready(READY_S)
        split.shift(10)
        found = json.loads(lab.kubectl("get", "inferenceservices", "--output=json"))["items"]
    arms = [one["spec"]["predictor"] for one in found]
    assert len(arms) == 2
    for arm in arms:
        assert {key: arm[key] for key in scaling} == scaling
        assert arm["model"]["resources"]["requests"]["cpu"] == "20m"
    scalers = json.loads(lab.kubectl("get", "horizontalpodautoscalers", "--output=json"))["items"]
    assert [(one["spec"]["minReplicas"], one["spec"]["maxReplicas"]) for one in scalers] == [(2, 3)] * 2
    assert users.failed() == []


def test_the_real_model_server_is_rolled_out(site: Site, kubectl: Kubectl, old: Model, new: Model) -> None:
    lab = Lab(site, kubectl)
    store = open_store(site.store_uri)
    versions = [store.register("late", one.path) for one in (old, new)]
    first, second = (Revision(version, store.location("late", version)) for version in versions)
    try:
        serving = lab.split(None, first)
        serving.start().wait_ready(READY_S)
        serving.promote().wait_ready(READY_S)
        split = lab.split(first, second)
        with Users(lab.router(), rate=40) as users:
            direct = split.start()
            direct.wait_ready(READY_S)
            assert direct.predict([{"distance": 1.0}]).version == second.version
            split.shift(10)
            eventually(lambda: not split.read().problem)
            split.shift(50)
            reading = grown(split, split.read(), 200)
            server = split.promote()
            server.wait_ready(READY_S)
            split.settle()
            answer = server.predict([{"distance": 1.0}])
        assert (answer.status, answer.version) == (200, second.version)
        assert users.failed() == []
        assert [one for one in users.answers if one.status != 200] == []
        assert site.services() == {f"late-{second.version}": second.version}
        for arm in (reading.champion, reading.challenger):
            assert arm is not None
            assert (arm.errors, arm.invalid) == (0, 0)
            assert arm.predictions is not None
            # The servers are asked later than the router is scraped.
            assert 0.4 < arm.predictions.total / arm.requests < 2.5
            assert arm.requests > 20
    finally:
        lab.close()
