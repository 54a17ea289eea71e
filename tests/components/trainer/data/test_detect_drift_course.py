"""When a series is drift, when it is over, and which windows later ones are held against."""

import pytest

from foldline.data.detect_drift.course import Look, course, event_key
from foldline.data.detect_drift.policy import Policy

A, B, Q, N, F = "alarm", "between", "quiet", "no data", "fault"
LOOKS = {A: (0.04, True, False), B: (0.15, False, False), Q: (0.6, False, False), N: (None, False, False)}
LOOKS[F] = (0.04, True, True)


def looks(words: str) -> list[Look]:
    letters = {"A": A, "B": B, "Q": Q, "N": N, "F": F}
    return [Look(lag, *LOOKS[letters[letter]]) for lag, letter in enumerate(words, start=1)]


@pytest.mark.parametrize(
    ("windows", "states", "onset"),
    [
        ("QQQ", "qqq", None),
        ("A", "w", None),
        ("AA", "wd", 1),
        ("AQA", "wqd", 1),
        ("AQQA", "wqqw", None),
        ("QAQQAA", "qwqqwd", 5),
        ("AABB", "wddd", 1),
        ("AABQ", "wddq", None),
        ("AAQA", "wdqw", None),
        ("AAQAA", "wdqwd", 4),
        ("ANA", "wnd", 1),
        ("AFA", "wfd", 1),
        ("FF", "ff", None),
        ("AAN", "wdn", 1),
        ("AAF", "wdf", 1),
        ("BB", "qq", None),
        ("NNN", "nnn", None),
    ],
)
def test_two_of_three_windows_make_drift_and_a_clear_one_ends_it(windows: str, states: str, onset: int | None) -> None:
    words = {"q": "quiet", "w": "watch", "d": "drift", "n": "not enough data", "f": "fault"}
    found = course(looks(windows), Policy())
    assert found.states == tuple(words[letter] for letter in states)
    assert found.onset == onset


@pytest.mark.parametrize(
    ("windows", "natural"),
    [
        ("QBQ", {1, 2, 3}),
        ("QA", {1}),
        ("QAQ", {1, 3}),
        ("QAQQ", {1, 3, 4}),
        ("QAQQQ", {1, 2, 3, 4, 5}),
        ("QAAQ", {1, 4}),
        ("QAABBQ", {1, 6}),
        ("QNF", {1}),
    ],
)
def test_a_lone_alarm_is_natural_once_no_drift_came_of_it(windows: str, natural: set[int]) -> None:
    assert course(looks(windows), Policy()).natural == natural


@pytest.mark.parametrize("windows", ["QAQAQQAABQANAAQ", "FAANQQBA"])
def test_what_is_known_of_a_window_does_not_depend_on_later_ones(windows: str) -> None:
    whole = course(looks(windows), Policy())
    for count in range(1, len(windows)):
        assert course(looks(windows)[:count], Policy()).states == whole.states[:count]


@pytest.mark.parametrize(("alarms", "of_windows", "onset"), [(1, 1, 1), (2, 2, None), (2, 3, 1), (3, 3, None)])
def test_the_policy_says_how_many_windows_must_alarm(alarms: int, of_windows: int, onset: int | None) -> None:
    assert course(looks("AQA"), Policy(alarms=alarms, of_windows=of_windows)).onset == (3 if alarms == 1 else onset)


def test_a_key_tells_events_apart() -> None:
    keys = {event_key(digest, tier, onset) for digest in "ab" for tier in ("input", "joint") for onset in ("1", "2")}
    assert len(keys) == 8
    assert event_key("a", "input", "1") in keys
