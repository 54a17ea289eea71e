"""Counters that begin anew, and what was counted all the same."""

import pytest

from foldline.serving.deploy_canary.metrics.accumulated import Accumulated
from foldline.serving.deploy_canary.metrics.prometheus import Series

# Seen: instance, start of its process, value of a counter; None where it is not there.
Look = list[tuple[str, float, float | None]]


def risen(looks: list[Look], since: list[float] | None = None) -> list[float]:
    """What was counted after each look."""
    accumulated, sums = Accumulated(), []
    for index, look in enumerate(looks):
        present = [("late-1", Series("up", {"instance": instance}, 0.0, 1.0)) for instance, _, _ in look]
        present += [
            ("late-1", Series("requests", {"instance": instance}, 0.0, value))
            for instance, _, value in look
            if value is not None
        ]
        starts = {instance: start for instance, start, _ in look}
        accumulated.take(present, starts, since[index] if since else 0.0)
        sums.append(sum(one.value for one in accumulated.of("late-1") if one.name == "requests"))
    return sums


@pytest.mark.parametrize(
    ("looks", "expected"),
    [
        ([[("a", 1, 1000)], [("a", 1, 1010)], [("a", 1, 1010)]], [0, 10, 10]),
        ([[("a", 1, 1000)], [("a", 2, 7)], [("a", 2, 9)]], [0, 7, 9]),
        ([[("a", 1, 5)], [("a", 2, 50)]], [0, 50]),
        ([[("a", 1, 1000)], [("a", 1, 3)]], [0, 3]),
        ([[("a", 1, None)], [("a", 1, 4)]], [0, 4]),
        ([[("a", 1, 10)], [("a", 1, None)], [("a", 1, 12)]], [0, 0, 2]),
        ([[("a", 1, 10)], [("a", 1, 11), ("b", 1, 500)], [("a", 1, 11), ("b", 1, 501)]], [0, 1, 2]),
        ([[("a", 1, 10), ("b", 1, 10)], [("a", 1, 11)], [("a", 1, 12)]], [0, 1, 2]),
    ],
    ids=[
        "counting starts with the first look",
        "the process started again",
        "started again, and counted past where it was",
        "the series began anew",
        "a first error",
        "not there for a while",
        "another process comes",
        "a process goes",
    ],
)
def test_what_was_counted_never_falls(looks: list[Look], expected: list[float]) -> None:
    assert risen(looks) == expected


def test_a_series_that_went_over_to_another_model_brings_nothing_along() -> None:
    assert risen([[("a", 1, 100)], [("a", 1, 900)], [("a", 1, 905)]], since=[1.0, 2.0, 2.0]) == [0, 0, 5]


def test_what_a_model_counted_under_an_earlier_name_stays_its() -> None:
    accumulated = Accumulated()
    for since, subject, count in ((1.0, "old", 10.0), (1.0, "old", 15.0), (2.0, "new", 16.0), (2.0, "new", 19.0)):
        accumulated.take([(subject, Series("requests", {"instance": "a"}, 0.0, count))], {}, since)
    assert [accumulated.of(subject)[0].value for subject in ("old", "new")] == [5.0, 3.0]
    assert accumulated.of("never seen") == []
