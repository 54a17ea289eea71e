"""Rules between folds: who goes on, who never stops, and how many trainings that leaves."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foldline.training.search.stopping import HALVING, NONE, WORST_FOLD, Course, brackets, goes_on, rungs

VALUES = st.lists(st.floats(0, 1, width=16), min_size=5, max_size=5)


@pytest.mark.parametrize(
    ("n_folds", "eta", "bracket", "found"),
    [
        (5, 2, 0, [1, 2, 4]),
        (5, 2, 1, [2, 4]),
        (5, 2, 3, []),
        (4, 2, 0, [1, 2]),
        (10, 3, 0, [1, 3, 9]),
        (1, 2, 0, []),
    ],
)
def test_rungs_lie_after_powers_of_eta_and_never_after_the_last_fold(
    n_folds: int, eta: int, bracket: int, found: list[int]
) -> None:
    assert rungs(n_folds, eta, bracket) == found


def test_the_last_bracket_of_hyperband_never_stops() -> None:
    assert brackets(5, 2) == 4
    assert rungs(5, 2, brackets(5, 2) - 1) == []


@pytest.mark.parametrize(
    ("rule", "own", "others", "on"),
    [
        (HALVING, [0.9], [], True),
        (HALVING, [0.8], [[0.9]], False),
        (HALVING, [0.9], [[0.8]], True),
        (HALVING, [0.8], [[0.9], [0.7], [0.6]], True),
        (HALVING, [0.7], [[0.9], [0.8], [0.6]], False),
        # After three folds nothing is compared.
        (HALVING, [0.1, 0.1, 0.1], [[0.9, 0.9, 0.9]], True),
        # Those that were not there do not count.
        (HALVING, [0.8, 0.8], [[0.9], [0.9]], True),
        (WORST_FOLD, [0.1], [[0.9, 0.9]], True),
        (WORST_FOLD, [0.69], [[0.9, 0.9, 0.7, 0.9, 0.9]], False),
        (WORST_FOLD, [0.7], [[0.9, 0.9, 0.7, 0.9, 0.9]], True),
        (WORST_FOLD, [0.5, 0.9], [[0.9, 0.9, 0.7, 0.9, 0.9], [0.1] * 5], True),
        (NONE, [0.0], [[1.0] * 5], True),
    ],
)
def test_a_trial_goes_on_by_what_the_others_scored(
    rule: str, own: list[float], others: list[list[float]], on: bool
) -> None:
    def course(values: list[float]) -> Course:
        return Course.of(values, maximize=True)

    assert goes_on(rule, course(own), [course(other) for other in others], n_folds=5) is on
    lower = [Course.of([-value for value in other], maximize=False) for other in others]
    assert goes_on(rule, Course.of([-value for value in own], maximize=False), lower, n_folds=5) is on


def test_a_trial_that_breaks_a_constraint_is_behind_every_one_that_does_not() -> None:
    broken, kept = Course(((0.1, -0.9),), -0.9), Course(((0.0, -0.5),), -0.5)
    assert not goes_on(HALVING, broken, [kept], n_folds=5)
    assert goes_on(HALVING, kept, [broken], n_folds=5)


def test_trials_of_other_brackets_are_not_compared() -> None:
    own, better = Course(((0.0, 0.5), (0.0, 0.5)), 0.5, bracket=1), Course(((0.0, 0.1), (0.0, 0.1)), 0.1, bracket=0)
    assert goes_on(HALVING, own, [better], n_folds=5)


@given(st.lists(VALUES, min_size=1, max_size=20), st.integers(2, 4))
def test_of_a_cohort_the_best_at_every_rung_goes_on_and_about_one_of_eta_does(
    cohort: list[list[float]], eta: int
) -> None:
    live = dict(enumerate(cohort))
    for place in range(1, 5):
        courses = {
            number: Course(Course.of(values[:place], maximize=False).ranks, 0.0, order=number)
            for number, values in live.items()
        }
        on = {
            number
            for number, own in courses.items()
            if goes_on(HALVING, own, [one for other, one in courses.items() if other != number], n_folds=5, eta=eta)
        }
        best = min(courses, key=lambda number: (courses[number].after(place), number))
        assert best in on
        assert len(on) == (max(1, len(live) // eta) if place in rungs(5, eta) else len(live))
        live = {number: live[number] for number in on}
    assert live


def test_over_many_searches_halving_finds_what_all_folds_would_within_noise_for_half_of_the_trainings() -> None:
    lost, shares = [], []
    for seed in range(200):
        source = random.Random(seed)
        truth = [source.gauss(0.0, 1.0) for _ in range(32)]
        # Noise of a fold, of which all trials share a half: paired, as folds are.
        shared = [source.gauss(0.0, 0.3) for _ in range(5)]
        scores = [[value + common + source.gauss(0.0, 0.3) for common in shared] for value in truth]
        seen: dict[int, Course] = {}
        fits = 0
        for first in range(0, 32, 8):
            live = list(range(first, first + 8))
            for place in range(1, 6):
                fits += len(live)
                for number in live:
                    found = Course.of(scores[number][:place], maximize=True)
                    seen[number] = Course(found.ranks, found.worst, order=number)
                if place < 5:
                    others = dict(seen)
                    live = [
                        number
                        for number in live
                        if goes_on(
                            HALVING, seen[number], [one for key, one in others.items() if key != number], n_folds=5
                        )
                    ]
        whole = [number for number, course in seen.items() if len(course.ranks) == 5]
        means = [sum(values) / 5 for values in scores]
        lost.append(max(means) - max(means[number] for number in whole))
        shares.append(fits / (32 * 5))
    assert sum(shares) / len(shares) < 0.5
    # The standard error of a mean over five folds is about 0.19.
    assert sum(lost) / len(lost) < 0.05
    assert sum(loss > 0.19 for loss in lost) <= 10
