"""Two arms behind a real Envoy: weights, copies, counts, and no request lost on the way."""

import http.client
import json
import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from builders import sites
from builders.sites import CHALLENGER, CHAMPION
from foldline.errors import ServingError
from foldline.serving.deploy_canary.backends.local.split import LocalSplit
from foldline.serving.reading import Reading
from foldline.serving.requests import ask
from foldline.serving.site import counters, processes, router
from foldline.serving.site.envoy_config import CLUSTERS, ROUTES, Shares, clusters, routes
from foldline.serving.site.model_server import HOST
from foldline.serving.site.owning import begin, description
from foldline.serving.site.site import Site
from foldline.serving.site.state import replace_file

SIGMA = 4.0
REQUESTS = 2000


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with sites.site(tmp_path / "site") as made:
        yield made


def until(seen: Callable[[], Reading], judge: Callable[[Reading], bool]) -> Reading:
    """The first reading that satisfies `judge`: latencies follow the counters after a second."""
    deadline = time.monotonic() + 60
    while not judge(reading := seen()):
        assert time.monotonic() < deadline, reading
        time.sleep(0.1)
    return reading


def by_version(answers: dict[tuple[int, str], int]) -> dict[str, int]:
    """Counts of answers by version; all must be 200."""
    assert {status for status, _ in answers} == {200}, answers
    return {version: count for (_, version), count in answers.items()}


def asked_for(site: Site, count: int) -> None:
    """Wait until the load that runs has had so many answers more."""
    started = site.router().counts()
    wanted = served(started) + count
    deadline = time.monotonic() + 60
    while served(site.router().counts()) < wanted:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def served(samples: list) -> int:
    return sum(round(sample.value) for sample in samples if sample.name == "envoy_cluster_upstream_rq_completed")


@pytest.mark.parametrize("percent", [10.0, 50.0])
def test_a_challenger_gets_the_share_that_was_asked_for(site: Site, percent: float) -> None:
    split = sites.split(site)
    split.start().wait_ready(sites.READY_S)
    assert by_version(sites.sent(site, 100)) == {CHAMPION: 100}
    assert split.percent() == 0.0
    split.shift(percent)
    assert split.percent() == percent
    count = by_version(sites.sent(site, REQUESTS))[CHALLENGER]
    share = percent / 100
    assert abs(count - REQUESTS * share) <= SIGMA * math.sqrt(REQUESTS * share * (1 - share))
    reading = split.read()
    assert reading.champion is not None
    assert reading.challenger is not None
    assert (reading.champion.requests, reading.challenger.requests) == (100 + REQUESTS - count, count)
    assert (reading.champion.errors, reading.challenger.errors, reading.unserved) == (0, 0, 0)
    assert reading.problem == ""


def test_no_request_fails_while_traffic_moves_on_and_back(site: Site) -> None:
    split = sites.split(site)
    with sites.load(site, 400.0) as replay:
        for percent in (10.0, 50.0, 100.0, 50.0, 0.0, 10.0):
            split.shift(percent)
            assert split.percent() == percent
            asked_for(site, 20)
        split.promote()
        asked_for(site, 20)
        split.revert()
        assert split.percent() == 0.0
        asked_for(site, 20)
        split.promote()
        asked_for(site, 20)
        split.settle()
        assert split.percent() == 100.0
        asked_for(site, 20)
        answers = replay.answers()
    assert set(by_version(answers)) == {CHAMPION, CHALLENGER}
    assert by_version(sites.sent(site, 50)) == {CHALLENGER: 50}
    assert [arm.version for arm in site.state().arms.values()] == [CHALLENGER]
    assert len(processes.marked(site.folder)) == 2


def test_promotion_and_its_end_can_be_asked_for_again(site: Site) -> None:
    split = sites.split(site)
    for _ in range(2):
        split.shift(10.0)
        served = split.promote()
    assert served.predict([{}]).version == CHALLENGER
    assert split.percent() == 100.0
    for _ in range(2):
        split.settle()
        assert split.promote().predict([{}]).version == CHALLENGER
    assert len(processes.marked(site.folder)) == 2


def test_the_earlier_champion_is_ready_after_promotion_and_takes_over_again(site: Site) -> None:
    split = sites.split(site)
    split.promote()
    assert by_version(sites.sent(site, 20)) == {CHALLENGER: 20}
    for _ in range(2):
        split.revert()
        assert by_version(sites.sent(site, 20)) == {CHAMPION: 20}
    assert len(processes.marked(site.folder)) == 2


def test_copies_are_of_the_champions_requests_and_clients_do_not_notice_them(site: Site) -> None:
    split = sites.split(site, "--errors", "0.5")
    split.mirror(20.0)
    assert by_version(sites.sent(site, 1000)) == {CHAMPION: 1000}
    reading = until(split.read, lambda found: found.challenger is not None and found.challenger.requests >= 100)
    assert reading.challenger is not None
    assert abs(reading.challenger.requests - 200) <= SIGMA * math.sqrt(1000 * 0.2 * 0.8)
    assert reading.challenger.errors > 0
    assert split.percent() == 0.0
    split.shift(50.0)
    answers = sites.sent(site, 1000)
    assert {version for status, version in answers if status == 500} == {CHALLENGER}
    by_arm = {
        version: ask(HOST, site.server(arm).port, "GET", "/seen").content
        for arm in site.state().arms.values()
        for version in [arm.version]
    }
    own = [identity for identity in by_arm[CHALLENGER] if identity not in by_arm[CHAMPION]]
    copied = [identity for identity in by_arm[CHALLENGER] if identity in by_arm[CHAMPION]]
    assert len(own) == sum(count for (_, version), count in answers.items() if version == CHALLENGER)
    assert len(set(own)) == len(own)
    # A fifth of 1000 requests of the champion alone, and of those that it had after the shift.
    kept = 1000 + answers[200, CHAMPION]
    assert abs(len(copied) - kept * 0.2) <= SIGMA * math.sqrt(kept * 0.2 * 0.8)
    split.mirror(0.0)
    assert split.percent() == 50.0


def test_faults_of_one_arm_are_its_own_and_latencies_have_edges(site: Site) -> None:
    split = sites.split(site, "--errors", "0.3", "--delay-ms", "30", "--invalid", "7")
    split.shift(50.0)
    answers = sites.sent(site, 600)
    failed = answers[500, CHALLENGER]

    def complete(found: Reading) -> bool:
        arms = (found.champion, found.challenger)
        return all(arm is not None and arm.latency_ms and arm.latency_ms.total == arm.requests for arm in arms)

    reading = until(split.read, complete)
    assert reading.champion is not None
    assert reading.challenger is not None
    assert (reading.champion.errors, reading.challenger.errors) == (0, failed)
    assert failed > 0
    latency = reading.challenger.latency_ms
    assert latency is not None
    assert sum(latency.counts[: latency.edges.index(25.0) + 1]) == 0
    assert (reading.champion.invalid, reading.challenger.invalid) == (None, 7)
    assert reading.challenger.predictions is not None
    assert reading.challenger.predictions.counts == (3, 1, 0)


def test_an_arm_that_dies_is_counted_and_told_and_what_replaces_it_counts_anew(site: Site) -> None:
    split = sites.split(site)
    split.shift(50.0)
    sites.sent(site, 100)
    before = split.read().challenger
    challenger = site.state().arm(site.state().challenger)
    assert before is not None
    assert challenger is not None
    processes.end(challenger.process, 10.0)
    failed = sites.sent(site, 100).get((503, ""), 0)
    reading = split.read()
    assert failed > 0
    assert reading.challenger is not None
    assert (reading.challenger.errors, reading.challenger.epoch) == (failed, before.epoch)
    assert "model server of late: expected ready to serve, got it ended" in reading.problem
    split.shift(50.0)
    assert by_version(sites.sent(site, 100)).keys() == {CHAMPION, CHALLENGER}
    after = split.read().challenger
    assert after is not None
    assert after.epoch != before.epoch
    assert after.errors == 0


def test_a_server_that_hangs_is_a_time_out_of_its_arm(tmp_path: Path) -> None:
    with sites.site(tmp_path / "site", request_timeout_s=5.0) as site:
        split = sites.split(site, "--hang")
        split.shift(50.0)
        answers = sites.sent(site, 30)
        reading = split.read()
        assert reading.champion is not None
        assert reading.challenger is not None
        assert reading.challenger.errors > 0
        assert reading.challenger.errors + reading.champion.errors == answers[504, ""]
        split.revert()
        assert by_version(sites.sent(site, 20)) == {CHAMPION: 20}


def test_a_route_that_somebody_rewrote_is_seen(site: Site) -> None:
    split = sites.split(site)
    split.shift(10.0)
    state = site.state()
    assert state.champion is not None
    assert state.challenger is not None

    def rewrite(*arms: tuple[str, int]) -> Callable[[], bool]:
        content = json.dumps(routes(Shares(arms), 30.0)).encode()
        replace_file(site.folder / ROUTES, content)
        return lambda: site.router().shares() == Shares(arms)

    for arms, expected in (
        (((state.champion, 7500), (state.challenger, 2500)), 25.0),
        (((state.champion, 10_000),), None),
        (((f"{state.champion}-mirror", 10_000),), None),
        (((state.champion, 5000), (state.challenger, 2500), (f"{state.champion}-mirror", 2500)), None),
    ):
        in_force = rewrite(*arms)
        until(split.read, lambda _, in_force=in_force: in_force())
        assert split.percent() == expected
    split.shift(10.0)
    assert split.percent() == 10.0


@pytest.mark.parametrize("leave", [LocalSplit.revert, LocalSplit.settle], ids=["revert", "settle"])
def test_requests_under_way_are_answered_by_a_server_that_leaves(
    tmp_path: Path, leave: Callable[[LocalSplit], None]
) -> None:
    slow = ("--delay-ms", "3000")
    with sites.site(tmp_path / "site", sites.arm(CHAMPION, *slow)) as site:
        split = sites.split(site, *slow)
        split.shift(50.0)
        with sites.load(site, 100.0, count=12) as replay:
            arms = [arm.name for arm in site.state().arms.values()]
            deadline = time.monotonic() + 60
            while sum(counters.active(site.router().counts(), name) for name in arms) < 12:
                assert time.monotonic() < deadline
            if leave is LocalSplit.settle:
                split.promote()
            leave(split)
            assert replay.wait(60.0)
            assert set(by_version(replay.answers())) == {CHAMPION, CHALLENGER}


def test_a_route_that_envoy_refuses_is_taken_back(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    split = sites.split(site)
    split.promote()
    state, before = site.state(), (site.folder / ROUTES).read_bytes()
    challenger = state.arm(state.challenger)
    assert challenger is not None
    replace_file(site.folder / CLUSTERS, json.dumps(clusters({challenger: site.server(challenger).port})).encode())
    until(split.read, lambda found: found.champion is None)
    monkeypatch.setattr(router, "APPLY_S", 3.0)
    with pytest.raises(ServingError, match=r"expected routes .* within 3 s, got .* unknown weighted cluster"):
        split.shift(0.0)
    assert split.percent() == 100.0
    assert (site.folder / ROUTES).read_bytes() == before
    assert by_version(sites.sent(site, 20)) == {CHALLENGER: 20}


def test_a_challenger_that_ends_before_its_share_leaves_the_traffic_where_it_was(tmp_path: Path, site: Site) -> None:
    wrong = LocalSplit(site, sites.arm(CHALLENGER, "--no-such-option"), timeout_s=sites.READY_S)
    with pytest.raises(ServingError, match=r"ended with exit code 2; it last said: .*no-such-option"):
        wrong.shift(10.0)
    assert wrong.percent() == 0.0
    assert by_version(sites.sent(site, 20)) == {CHAMPION: 20}
    wrong.revert()
    assert len(processes.marked(site.folder)) == 2


def test_a_challenger_of_an_earlier_rollout_gives_way(site: Site) -> None:
    sites.split(site, version="c0ffee000003").shift(10.0)
    split = sites.split(site)
    split.start()
    assert split.percent() == 0.0
    assert {arm.version for arm in site.state().arms.values()} == {CHAMPION, CHALLENGER}
    assert len(processes.marked(site.folder)) == 3


def test_the_first_model_of_all_has_no_champion_beside_it(tmp_path: Path) -> None:
    site = begin(tmp_path / "site", description("late", "models"), None, sites.READY_S)
    try:
        assert sites.sent(site, 5) == {(503, ""): 5}
        split = sites.split(site)
        split.promote()
        assert by_version(sites.sent(site, 20)) == {CHALLENGER: 20}
        split.settle()
        assert split.percent() == 100.0
        assert split.read().challenger is None
    finally:
        site.end()


def test_the_identity_of_a_request_is_kept(site: Site) -> None:
    connection = http.client.HTTPConnection(*site.address(), timeout=60)
    connection.request("POST", "/v1/models/late:predict", b"{}", {"x-request-id": "mine"})
    assert connection.getresponse().getheader("x-request-id") == "mine"
    connection.close()
    champion = site.state().arm(site.state().champion)
    assert champion is not None
    assert ask(HOST, site.server(champion).port, "GET", "/seen").content == ["mine"]
