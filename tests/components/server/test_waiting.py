"""Waiting ends: with what was waited for, with a failure, or with the last state at the deadline."""

from collections.abc import Callable, Iterator

import pytest

from foldline.cluster.faults import UnansweredError
from foldline.errors import ClusterError, FoldlineError, ServingError
from foldline.waiting import Done, Failed, Outcome, Pending, Waited, wait_until


class Time:
    def __init__(self) -> None:
        self.now = 0.0

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def wait(
    fetch: Callable[[], Outcome], time: Time, timeout_s: float = 10.0, error: type[FoldlineError] = ClusterError
) -> Waited[Outcome]:
    return wait_until(
        fetch,
        lambda seen: seen,
        what="pod/a",
        expected="to run",
        timeout_s=timeout_s,
        poll_s=2.0,
        error=error,
        clock=time.clock,
        sleep=time.sleep,
    )


def in_turn(*states: Outcome | Exception) -> Callable[[], Outcome]:
    following: Iterator[Outcome | Exception] = iter(states)

    def fetch() -> Outcome:
        state = next(following)
        if isinstance(state, Exception):
            raise state
        return state

    return fetch


def test_it_ends_as_soon_as_it_is_done() -> None:
    assert wait(in_turn(Pending("a"), Pending("b"), Done()), Time()).seconds == 4.0


def test_a_failure_ends_it_at_once() -> None:
    time = Time()
    with pytest.raises(ServingError, match=r"^pod/a: expected to run, got it died\.$"):
        wait(in_turn(Pending("a"), Failed("it died")), time, error=ServingError)
    assert time.now == 2.0


def test_the_deadline_ends_it_with_the_last_state() -> None:
    time = Time()
    with pytest.raises(ClusterError, match=r"expected to run within 5 s, got second\.$"):
        wait(in_turn(Pending("first"), *[Pending("second")] * 9), time, timeout_s=5.0)
    assert time.now == 5.0


def test_requests_count_against_the_deadline() -> None:
    time = Time()

    def slow() -> Outcome:
        time.now += 4.0
        return Pending("loading")

    with pytest.raises(ClusterError, match="loading"):
        wait(slow, time)
    assert time.now <= 14.0


def test_an_api_server_that_is_gone_for_a_while_is_waited_through() -> None:
    gone = UnansweredError("Kubernetes API", expected="an answer", got="Connection refused")
    assert wait(in_turn(Pending("a"), gone, gone, Done()), Time()).seconds == 6.0
    with pytest.raises(ClusterError, match=r"within 3 s, got Kubernetes API: .*Connection refused"):
        wait(in_turn(*[gone] * 9), Time(), timeout_s=3.0)


def test_a_refusal_is_not_waited_through() -> None:
    with pytest.raises(ClusterError, match=r"^permission"):
        wait(in_turn(ClusterError("permission", expected="granted", got="denied")), Time())
