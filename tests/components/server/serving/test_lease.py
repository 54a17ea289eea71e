"""When a Lease may be taken."""

from typing import Any

import pytest

from foldline.serving.deploy_canary.keeping import lease

NOW = 1_790_000_000.5
D = lease.LEASE_S


def held(age_s: float, **changed: Any) -> dict[str, Any]:
    made = lease.build("late", "team", {})
    made["spec"] = lease.taken(made, "pod-1", NOW - age_s)["spec"] | changed
    return made


@pytest.mark.parametrize(
    ("found", "unchanged_s", "free"),
    [
        (lease.build("late", "team", {}), 0.0, True),
        (held(0.0), 0.0, False),
        (held(D - 1.0), 0.0, False),
        (held(0.0), D - 0.1, False),
        (held(0.0), D + 0.1, True),
        (held(D + 5.0), 0.0, False),
        (held(2 * D + 1.0), 0.0, True),
        (held(-3600.0), D - 1.0, False),
        (held(-3600.0), D + 1.0, True),
        (held(5.0, holderIdentity=None), 0.0, True),
        (held(40.0, leaseDurationSeconds=300), 40.0, False),
    ],
    ids=[
        "never held",
        "just renewed",
        "not yet over",
        "seen for almost its duration",
        "seen unchanged for its duration",
        "over by its own clock only",
        "long over",
        "a clock that is an hour ahead",
        "a clock that is an hour ahead, seen unchanged",
        "given up",
        "a longer duration",
    ],
)
def test_a_lease_is_free_when_its_holder_gave_it_up_or_is_dead(
    found: dict[str, Any], unchanged_s: float, free: bool
) -> None:
    assert lease.read(found).is_free(NOW, unchanged_s) is free


def test_a_lease_says_who_took_it_and_each_renewal_changes_its_mark() -> None:
    taken = held(10.0)
    again = {"spec": taken["spec"] | lease.renewed(NOW)["spec"]}
    assert (lease.read(taken).holder, lease.read(taken).renewed_at) == ("pod-1", NOW - 10.0)
    assert lease.read(again).mark != lease.read(taken).mark
    assert lease.taken(again, "pod-2", NOW)["spec"]["leaseTransitions"] == 2
