"""Answers to the same requests, paired by identity."""

from collections.abc import Callable, Sequence

import pytest

from foldline.serving.deploy_canary.mirrored.pairs import Pairs, Said, same_class, within

CHAMPION, CHALLENGER = 0, 1


def paired(*answers: tuple[int, str, Sequence[float]], most_waiting: int = 100) -> tuple[int, int]:
    """Compared and disagreeing of the answers in this order."""
    pairs = Pairs(same_class, most_waiting=most_waiting)
    for arm, identity, said in answers:
        pairs.add(arm, identity, said)
    return pairs.compared, pairs.disagreeing


@pytest.mark.parametrize(
    ("answers", "counts"),
    [
        ([(CHAMPION, "a", [1]), (CHALLENGER, "a", [1])], (1, 0)),
        ([(CHALLENGER, "a", [1]), (CHAMPION, "a", [0])], (1, 1)),
        ([(CHAMPION, "a", [0, 1]), (CHALLENGER, "a", [0, 0])], (1, 1)),
        ([(CHAMPION, "a", [1]), (CHALLENGER, "b", [1])], (0, 0)),
        # A request of the challenger's own, and one that was not copied.
        ([(CHALLENGER, "a", [1]), (CHAMPION, "b", [1]), (CHALLENGER, "b", [1])], (1, 0)),
        # Two requests of one identity at once: nobody knows which answers belong together.
        ([(CHAMPION, "a", [1]), (CHALLENGER, "a", [1]), (CHAMPION, "a", [0]), (CHALLENGER, "a", [0])], (2, 0)),
        ([(CHAMPION, "a", [1]), (CHAMPION, "a", [0]), (CHALLENGER, "a", [0]), (CHALLENGER, "a", [0])], (0, 0)),
    ],
)
def test_a_request_is_compared_where_both_arms_have_answered_it_once(
    answers: list[tuple[int, str, Sequence[float]]], counts: tuple[int, int]
) -> None:
    assert paired(*answers) == counts


def test_what_waits_too_long_is_forgotten() -> None:
    many = [(CHAMPION, str(number), [1]) for number in range(11)]
    assert paired(*many, (CHALLENGER, "0", [1]), (CHALLENGER, "10", [1]), most_waiting=10) == (1, 0)


@pytest.mark.parametrize(
    ("agree", "champion", "challenger", "alike"),
    [
        (within(0.5), [1.0], [1.5], True),
        (within(0.5), [1.0], [1.51], False),
        (within(0.5), [1.0, 2.0], [1.0, 3.0], False),
        (within(0.5), [1.0], [1.0, 1.0], False),
        (same_class, [2], [2], True),
        (same_class, [2], [1], False),
    ],
)
def test_values_agree_within_a_distance_and_classes_where_they_are_equal(
    agree: Callable[[Said, Said], bool], champion: Said, challenger: Said, alike: bool
) -> None:
    assert agree(champion, challenger) == alike
