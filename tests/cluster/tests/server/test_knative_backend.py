"""The backend `knative` on a real KServe, Knative, Kourier and Prometheus, under load."""

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from builders.knative_lab import KnativeLab
from builders.permissions import denial, granted, without
from builders.route_lab import READY_S
from builders.serving_site import Kubectl, Site
from foldline.errors import ClusterError, FoldlineError, ServingError
from foldline.serving.deploy_canary.backends.knative.split import KnativeSplit
from foldline.serving.deploy_canary.backends.route.split import Revision

pytestmark = [pytest.mark.level("serving"), pytest.mark.timeout(1200)]

TESTS = Path(__file__).resolve().parents[3]
ROLE = "foldline-rollouts"
# Ends itself as by SIGKILL before its second write.
DRIVER = """
import os, signal, sys
from foldline.cluster import connect
from foldline.serving.deploy_canary.backends.knative.assembly import knative_split
from foldline.serving.deploy_canary.backends.route.split import Revision

writes = 0

def guard():
    global writes
    writes += 1
    if writes == 2:
        os.kill(os.getpid(), signal.SIGKILL)

namespace, champion, challenger, calls = sys.argv[1:]
split = knative_split(
    connect(capability="kserve"), namespace, "late", champion=Revision(*champion.split("=")),
    challenger=Revision(*challenger.split("=")), prometheus="", inference_service={}, timeout_s=180.0, guard=guard,
)
for call in calls.split(","):
    name, _, share = call.partition("=")
    getattr(split, name)(*map(float, filter(None, [share])))
"""


@pytest.fixture
def lab(site: Site, kubectl: Kubectl) -> Iterator[KnativeLab]:
    made = KnativeLab(site, kubectl)
    made.stand_ins()
    yield made
    made.close()


def eventually(look: Callable[[], object], timeout_s: float = 120.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not look():
        assert time.monotonic() < deadline
        time.sleep(0.5)


def counted(split: KnativeSplit, least: int) -> tuple[Any, Any]:
    """Two readings between which each arm has at least `least` requests."""
    eventually(lambda: not split.read().problem)
    before = split.read()

    def enough() -> bool:
        after = split.read()
        arms = [(getattr(before, role), getattr(after, role)) for role in ("champion", "challenger")]
        return all(one and other and other.requests - one.requests >= least for one, other in arms)

    eventually(enough)
    return before, split.read()


def test_a_challenger_is_promoted_and_taken_back_under_load_without_a_failed_request(lab: KnativeLab) -> None:
    champion, challenger = lab.served_first(), lab.model("bbb")
    split = lab.knative(champion, challenger)
    metadata = lab.service()["metadata"]
    with lab.users(rate=200) as users:
        began = time.time()
        split.start().wait_ready(READY_S)
        assert (split.percent(), lab.asked(), set(users.shares())) == (0.0, ("bbb", 0), {"aaa"})
        split.shift(20)
        assert (split.percent(), lab.asked(), lab.traffic()) == (20.0, ("bbb", 20), {"aaa": 80, "bbb": 20})
        at = time.time()
        before, after = counted(split, 100)
        shares = users.shares(at)
        split.shift(50)
        assert lab.traffic() == {"aaa": 50, "bbb": 50}
        split.promote().wait_ready(READY_S)
        promoted = time.time()
        split.settle()
        assert (split.percent(), lab.asked(), lab.traffic()) == (100.0, ("bbb", None), {"bbb": 100})
        time.sleep(2)
        whole = users.shares(promoted)
        split.revert()
        reverted = time.time()
        time.sleep(2)
    print(f"{len(users.answers)} requests in {time.time() - began:.0f} s")
    assert users.failed() == []
    assert 0.1 < shares["bbb"] / sum(shares.values()) < 0.3
    assert (set(whole), set(users.shares(reverted))) == ({"bbb"}, {"aaa"})
    assert (lab.asked(), lab.traffic()) == (("aaa", None), {"aaa": 100})
    # KServe hands both on to the pods, so that a change there would make a revision.
    now = lab.service()["metadata"]
    assert (now["labels"], now["annotations"]) == (metadata["labels"], metadata["annotations"])
    for role in ("champion", "challenger"):
        first, last = getattr(before, role), getattr(after, role)
        assert (first.errors, last.errors, last.invalid) == (0, 0, 0)
        assert last.latency_ms.edges[:3] == pytest.approx((5.0, 10.0, 25.0))
        assert last.latency_ms.total == last.requests


def test_a_failing_challenger_is_counted_taken_out_and_never_comes_back_with_the_next(lab: KnativeLab) -> None:
    champion = lab.served_first()
    broken = lab.knative(champion, lab.model("bbb", err=0.5))
    with lab.users() as users:
        broken.start().wait_ready(READY_S)
        broken.shift(20)
        before, after = counted(broken, 50)
        broken.revert()
        reverted = time.time()
        assert (lab.asked(), lab.traffic()) == (("aaa", None), {"aaa": 100})
        following = lab.knative(champion, lab.model("ccc"))
        following.start().wait_ready(READY_S)
        following.shift(50)
        shifted = time.time()
        time.sleep(2)
        following.promote().wait_ready(READY_S)
    champions, challengers = ((getattr(before, role), getattr(after, role)) for role in ("champion", "challenger"))
    assert champions[1].errors == champions[0].errors == 0
    requests = challengers[1].requests - challengers[0].requests
    assert 0.3 < (challengers[1].errors - challengers[0].errors) / requests < 0.7
    assert [one for one in users.failed() if one.served_by != "bbb" or one.at > reverted] == []
    assert set(users.shares(reverted)) <= {"aaa", "ccc"}
    assert set(users.shares(shifted)) == {"aaa", "ccc"}
    assert lab.asked() == ("ccc", None)


def test_a_challenger_that_gets_not_ready_has_no_request_and_an_end_in_words(lab: KnativeLab) -> None:
    champion = lab.served_first()
    absent = Revision("bbb", champion.uri.replace("aaa", "bbb"))
    split = lab.knative(champion, absent)
    with lab.users(rate=50) as users:
        server = split.start()
        with pytest.raises(ServingError, match=r"a ready revision for .*storage-initializer.* exit code 1"):
            server.wait_ready(READY_S)
        assert lab.asked() == ("bbb", 0)
        split.revert()
    assert users.failed() == []
    assert set(users.shares()) == {"aaa"}
    assert (lab.asked(), lab.traffic()) == (("aaa", None), {"aaa": 100})


def test_what_somebody_changes_meanwhile_is_noticed_and_ends_with_the_champion(lab: KnativeLab) -> None:
    champion, challenger = lab.served_first(), lab.model("bbb")
    lab.model("eee")
    predictor = {"model": {"storageUri": challenger.uri.replace("bbb", "eee")}}

    def refused(split: KnativeSplit, said: str) -> bool:
        try:
            split.percent()
        except FoldlineError as fault:
            return re.search(said, str(fault)) is not None
        return False

    def annotate() -> None:
        lab.patch({"metadata": {"annotations": {"example.com/note": "by hand"}}})

    edits: list[tuple[Callable[[], object], Callable[[KnativeSplit], bool]]] = [
        (lambda: lab.patch({"spec": {"predictor": {"canaryTrafficPercent": 70}}}), lambda it: it.percent() == 70.0),
        (lambda: lab.patch({"spec": {"predictor": predictor}}), lambda it: refused(it, "pointed at .*/eee.*Somebody")),
        (annotate, lambda it: refused(it, r"requests go to \S+ and \S+ only, got some go to \S+-predictor-\d+")),
        (lambda: lab.kubectl("delete", "inferenceservice", "late"), lambda it: refused(it, "deleted meanwhile")),
    ]
    for edit, noticed in edits:
        split = lab.knative(champion, challenger)
        split.start().wait_ready(READY_S)
        split.shift(20)
        edit()
        eventually(lambda split=split, noticed=noticed: noticed(split))
        split.revert()
        assert (lab.asked(), lab.traffic()) == (("aaa", None), {"aaa": 100})


def test_a_driver_that_is_killed_after_each_write_is_taken_up_by_the_next(lab: KnativeLab) -> None:
    champion, challenger = lab.served_first(), lab.model("bbb")

    def drive(calls: str) -> int:
        """Runs of a driver until one of them ended by itself; how many were killed."""
        for killed in range(20):
            arguments = [lab.namespace, *(f"{one.version}={one.uri}" for one in (champion, challenger)), calls]
            ended = subprocess.run([sys.executable, "-c", DRIVER, *arguments], cwd=TESTS, check=False)
            if ended.returncode == 0:
                return killed
            assert ended.returncode == -signal.SIGKILL
        raise AssertionError(f"{calls} comes to no end")

    with lab.users(rate=50) as users:
        forward = drive("start,shift=20,promote,settle")
        promoted = time.time()
        time.sleep(1)
        whole = users.shares(promoted)
        back = drive("revert")
        reverted = time.time()
        time.sleep(1)
    print(f"{forward} drivers killed on the way forward, {back} on the way back")
    assert min(forward, back) >= 2
    assert users.failed() == []
    assert (set(whole), set(users.shares(reverted))) == ({"bbb"}, {"aaa"})
    assert (lab.asked(), lab.traffic()) == (("aaa", None), {"aaa": 100})


def test_both_arms_get_the_settings_of_the_user_and_unequal_ones_are_refused(lab: KnativeLab) -> None:
    champion, challenger = lab.served_first(), lab.model("bbb")
    split = lab.knative(champion, challenger, maxReplicas=3)
    split.start().wait_ready(READY_S)
    scaling = json.loads(lab.kubectl("get", "revisions", "--output=json"))["items"]
    assert {one["metadata"]["annotations"]["autoscaling.knative.dev/max-scale"] for one in scaling[1:]} == {"3"}
    lab.patch({"spec": {"predictor": {"maxReplicas": 5}}})
    eventually(lambda: len(lab.kubectl("get", "revisions", "--output=name").split()) == 4)
    with pytest.raises(ServingError, match=r"both arms are scaled as .*max-scale"):
        split.shift(20)


def test_a_permission_that_is_missing_is_named(lab: KnativeLab) -> None:
    challenger = lab.model("aaa")

    def roll_out() -> None:
        split = lab.knative(None, challenger)
        split.start().wait_ready(READY_S)
        split.promote()

    rules = [rule for rule in granted(ROLE) if "knative" in rule.group]
    assert {rule.path for rule in rules} == {"configurations", "revisions", "routes"}
    for rule in rules:
        without(lab.site, ROLE, rule)
        with pytest.raises(ClusterError) as caught:
            roll_out()
        assert re.search(denial(lab.site, ROLE, rule), str(caught.value)), str(caught.value)
