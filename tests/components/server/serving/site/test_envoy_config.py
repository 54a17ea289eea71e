"""Shares of the traffic as Envoy's weights, and back."""

import pytest

from foldline.serving.site.envoy_config import Shares, routes, shares, shares_in_force
from foldline.serving.site.processes import Process
from foldline.serving.site.state import Arm

OLD, NEW = Arm("old-1", "old", Process(1, 1)), Arm("new-2", "new", Process(2, 2))


@pytest.mark.parametrize(
    ("champion", "challenger", "percent", "mirror_percent", "expected"),
    [
        (OLD, None, 0, 0, Shares((("old-1", 10_000),))),
        (OLD, NEW, 0, 0, Shares((("old-1", 10_000),))),
        (OLD, NEW, 10, 0, Shares((("old-1", 9_000), ("new-2", 1_000)))),
        (OLD, NEW, 33.33, 0, Shares((("old-1", 6_667), ("new-2", 3_333)))),
        (OLD, NEW, 100, 0, Shares((("new-2", 10_000),))),
        (OLD, NEW, 0.001, 0, Shares((("old-1", 9_999), ("new-2", 1)))),
        (OLD, NEW, 99.999, 0, Shares((("old-1", 1), ("new-2", 9_999)))),
        (OLD, NEW, 0, 20, Shares((("old-1", 10_000),), ("new-2-mirror", 2_000))),
        (OLD, NEW, 50, 20, Shares((("old-1", 5_000), ("new-2", 5_000)), ("new-2-mirror", 1_000))),
        (OLD, NEW, 100, 20, Shares((("new-2", 10_000),))),
        (None, NEW, 0, 0, Shares()),
        (None, NEW, 100, 0, Shares((("new-2", 10_000),))),
        (None, NEW, 10, 0, Shares((("new-2", 10_000),))),
        (None, None, 0, 0, Shares()),
    ],
)
def test_no_weight_is_zero_and_all_are_ten_thousand(
    champion: Arm | None, challenger: Arm | None, percent: float, mirror_percent: float, expected: Shares
) -> None:
    given = shares(champion, challenger, percent, mirror_percent)
    assert given == expected
    assert sum(weight for _, weight in given.arms) in (0, 10_000)
    assert 0 not in [weight for _, weight in given.arms]


@pytest.mark.parametrize(
    "given",
    [Shares(), Shares((("a", 10_000),)), Shares((("a", 9_000), ("b", 1_000)), ("b-mirror", 5))],
    ids=["nobody", "one", "two"],
)
def test_what_is_written_is_what_is_read_back(given: Shares) -> None:
    (route,) = routes(given, 30.0)["resources"]
    assert shares_in_force({"configs": [{"route_config": route}]}) == given


@pytest.mark.parametrize("dump", [{}, {"configs": []}, {"configs": [{"route_config": {"virtual_hosts": []}}]}])
def test_routes_of_another_form_are_nothing(dump: dict) -> None:
    assert shares_in_force(dump) is None
