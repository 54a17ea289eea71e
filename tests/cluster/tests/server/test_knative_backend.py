"""The backend `knative` on a real KServe, Knative, Kourier and Prometheus, under load."""

import time
from collections.abc import Callable, Iterator

import pytest

from builders.knative_lab import KnativeLab
from builders.route_lab import READY_S
from builders.serving_site import Kubectl, Site

pytestmark = [pytest.mark.level("serving"), pytest.mark.timeout(600)]


@pytest.fixture
def lab(site: Site, kubectl: Kubectl) -> Iterator[KnativeLab]:
    made = KnativeLab(site, kubectl)
    made.stand_ins()
    yield made
    made.close()


def eventually(look: Callable[[], object], timeout_s: float = 90.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not look():
        assert time.monotonic() < deadline
        time.sleep(1.0)


def test_a_challenger_is_promoted_under_load_without_a_failed_request(lab: KnativeLab) -> None:
    champion, challenger = lab.served_first(), lab.model("bbb")
    split = lab.knative(champion, challenger)
    with lab.users(rate=150) as users:
        split.start().wait_ready(READY_S)
        assert (split.percent(), lab.asked()) == (0.0, ("bbb", 0))
        split.shift(10)
        at = time.time()
        assert (split.percent(), lab.traffic()) == (10.0, {"aaa": 90, "bbb": 10})
        eventually(lambda: not split.read().problem)
        before = split.read()
        time.sleep(15)
        after = split.read()
        ten = users.shares(at)
        split.shift(50)
        at = time.time()
        time.sleep(3)
        half = users.shares(at)
        split.promote().wait_ready(READY_S)
        at = time.time()
        split.settle()
        time.sleep(3)
        whole = users.shares(at)
    print(len(users.answers), ten, half, whole)
    assert users.failed() == []
    assert 0.05 < ten["bbb"] / sum(ten.values()) < 0.15
    assert 0.4 < half["bbb"] / sum(half.values()) < 0.6
    assert set(whole) == {"bbb"}
    assert lab.asked() == ("bbb", None)
    assert (before.problem, after.problem) == ("", "")
