"""The backend `route` on a real KServe, Envoy Gateway and Prometheus, under load."""

import time
from collections.abc import Callable, Iterator

import pytest

from builders.route_lab import Lab, Users
from builders.serving_site import Kubectl, Site

pytestmark = [pytest.mark.level("serving"), pytest.mark.timeout(600)]


@pytest.fixture
def lab(site: Site, kubectl: Kubectl) -> Iterator[Lab]:
    made = Lab(site, kubectl)
    made.stand_ins()
    yield made
    made.close()


def eventually(look: Callable[[], object], timeout_s: float = 90.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not look():
        assert time.monotonic() < deadline
        time.sleep(1.0)


def test_a_challenger_is_promoted_under_load_without_a_failed_request(lab: Lab) -> None:
    champion, challenger = lab.served_first(), lab.model("bbb")
    assert list(lab.site.services()) == ["late-aaa"]
    split = lab.split(champion, challenger)
    with Users(lab.router(), rate=150) as users:
        split.start().wait_ready(180)
        assert split.percent() is None
        split.shift(10)
        at = time.time()
        assert split.percent() == 10.0
        eventually(lambda: not split.read().problem)
        before = split.read()
        time.sleep(15)
        after = split.read()
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
    print(ten, half, whole, len(users.answers), before, after)
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
    assert 1000 < sum(counted.values()) < 4000
    for arm in (after.champion, after.challenger):
        assert arm is not None
        assert arm.errors == 0
        assert arm.latency_ms is not None
        assert 0.8 * arm.requests < arm.latency_ms.total <= arm.requests
        assert arm.latency_ms.edges[:3] == (0.5, 1.0, 5.0)
