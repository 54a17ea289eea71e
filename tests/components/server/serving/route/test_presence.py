"""Whether the champion was there all the time, or whom the router could not serve is no fault of the challenger's."""

from typing import Any

import pytest

from foldline.serving.deploy_canary.backends.route.presence import Presence

SINCE = "2026-01-01T00:00:00Z"
LATER = "2026-01-01T00:09:00Z"


def pod(uid: str, since: str = SINCE, *, ready: bool = True, ending: bool = False) -> dict[str, Any]:
    condition = {"type": "Ready", "status": str(ready), "lastTransitionTime": since}
    return {
        "metadata": {"uid": uid, **({"deletionTimestamp": LATER} if ending else {})},
        "status": {"conditions": [{"type": "PodScheduled", "status": "True"}, condition]},
    }


# Pods at two looks, and whether counters from between them tell of a time in which a server was there.
LOOKS: dict[str, tuple[list[dict[str, Any]], list[dict[str, Any]], bool]] = {
    "the same pod": ([pod("a")], [pod("a")], True),
    "one of two stays": ([pod("a"), pod("b")], [pod("b"), pod("c", LATER)], True),
    "another pod in its place": ([pod("a")], [pod("b", LATER)], False),
    "the same pod, started again": ([pod("a")], [pod("a", LATER)], False),
    "none": ([pod("a")], [], False),
    "one that is not ready": ([pod("a")], [pod("a", LATER, ready=False)], False),
    "one that is being deleted": ([pod("a")], [pod("a", ending=True)], False),
    "one that came back": ([], [pod("a", LATER)], False),
}


@pytest.mark.parametrize(("first", "second", "lasted"), LOOKS.values(), ids=LOOKS)
def test_an_outage_between_two_looks_is_seen_in_the_pods(
    first: list[dict[str, Any]], second: list[dict[str, Any]], *, lasted: bool
) -> None:
    looks = iter([first, second])
    presence = Presence(lambda: next(looks), clock=lambda: 110.0)
    presence.lasted(98.0, reached=True)
    assert presence.lasted(105.0, reached=True) is lasted


def test_the_first_look_knows_of_no_outage_before_it() -> None:
    assert Presence(lambda: [pod("a")], clock=lambda: 100.0).lasted(98.0, reached=True)
    assert not Presence(lambda: [pod("a")], clock=lambda: 100.0).lasted(98.0, reached=False)


def test_an_outage_taints_counters_from_before_it_was_seen_however_late_they_are_read() -> None:
    looks = iter([[pod("a")], [pod("b")], [pod("b")], [pod("b")]])
    presence = Presence(lambda: next(looks), clock=lambda: 110.0)
    counted = [98.0, 105.0, 105.0, 112.0]
    assert [presence.lasted(at, reached=True) for at in counted] == [True, False, False, True]
