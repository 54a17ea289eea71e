"""Which trial is chosen, and the simplest that is as good."""

from typing import Any

import pytest

from builders.searches import definition, trial
from foldline.errors import TrainingError
from foldline.training.search.choice import beside, front, one_standard_error, rank, usable
from foldline.training.search.convergence import convergence
from foldline.training.search.trial import ABANDONED, FAILED, STOPPED, TrialRecord


def weights(number: int, values: list[float], count: float, **fields: Any) -> TrialRecord:
    return trial(number, values, other_values={"parameters": {0: count, 1: count}}, **fields)


def numbers(trials: list[TrialRecord]) -> list[int]:
    return [one.number for one in trials]


TRIALS = [
    trial(0, [0.7, 0.8]),
    trial(1, [0.9, 0.8]),
    trial(2, [0.99], state=STOPPED),
    trial(3, [0.99], state=ABANDONED),
    trial(4, [0.99, 0.99], state=FAILED, failure="bug"),
    trial(5, [0.8, 0.9]),
]


def test_the_best_is_a_completed_trial_and_of_equal_ones_the_first() -> None:
    assert numbers(usable(TRIALS, definition())) == [1, 5, 0]


def test_less_is_better_of_an_error() -> None:
    assert numbers(usable(TRIALS, definition(objective={"metric": "log_loss"}))) == [0, 1, 5]


def test_a_lower_bound_prefers_folds_that_agree() -> None:
    trials = [trial(0, [0.7, 0.95]), trial(1, [0.8, 0.82])]
    assert numbers(usable(trials, definition())) == [0, 1]
    assert numbers(usable(trials, definition(objective={"metric": "roc_auc", "over_folds": "lower_bound"}))) == [1, 0]


def test_a_trial_that_breaks_a_constraint_is_not_chosen() -> None:
    limited = definition(constraints=[{"metric": "parameters", "at_most": 100}])
    trials = [weights(0, [0.9, 0.9], 101), weights(1, [0.8, 0.8], 100), weights(2, [0.7, 0.7], 7)]
    assert numbers(usable(trials, limited)) == [1, 2]
    assert [rank(one, limited) for one in trials] == [(1.0, -0.9), (0.0, -0.8), (0.0, -0.7)]


def test_a_constraint_may_be_on_the_objective_itself() -> None:
    limited = definition(constraints=[{"metric": "roc_auc", "at_least": 0.85}])
    assert numbers(usable(TRIALS, limited)) == [1, 5]


@pytest.mark.parametrize(
    ("trials", "fields", "said"),
    [
        (TRIALS[2:5], {}, "none of 3, of which 1 failed; the last failure: bug"),
        ([], {}, "none of 0"),
        (
            [weights(0, [0.9, 0.9], 120), weights(1, [0.8, 0.8], 110)],
            {"constraints": [{"metric": "parameters", "at_most": 100}]},
            "none of 2; the nearest, trial 1, has {'parameters': '110'}",
        ),
        (
            [trial(0, [0.9, 0.9])],
            {"constraints": [{"metric": "parameters", "at_most": 100}]},
            "none of 1; the nearest, trial 0, has {'parameters': 'nothing'}",
        ),
    ],
)
def test_a_search_without_a_usable_trial_says_why(trials: list[TrialRecord], fields: dict[str, Any], said: str) -> None:
    with pytest.raises(TrainingError) as caught:
        usable(trials, definition(**fields))
    assert said in str(caught.value)


NEAR = [
    weights(0, [0.90, 0.80], 500),  # The best: 0.85, with a standard error of 0.05.
    weights(1, [0.84, 0.84], 400),
    weights(2, [0.81, 0.80], 300),
    weights(3, [0.79, 0.79], 10),
    weights(4, [0.82, 0.82], 300),
]


def test_the_simplest_within_one_standard_error_has_the_fewest_weights_and_of_those_the_best_score() -> None:
    found = one_standard_error(usable(NEAR, definition()), definition())
    assert (found["number"], found["measure"], found["size"], found["size_of_best"]) == (4, "parameters", 300, 500)
    assert found["bound"] == pytest.approx(0.80)


def test_without_weights_the_simplest_is_the_fastest_and_a_point_asked_for_again_is_not_fast() -> None:
    trials = [
        trial(0, [0.9, 0.8], seconds=10.0),
        trial(1, [0.84, 0.84], seconds=4.0),
        trial(2, [0.84, 0.84], seconds=0.0, same_as=1),
    ]
    found = one_standard_error(usable(trials, definition()), definition())
    assert (found["number"], found["measure"], found["size"]) == (1, "seconds", 2.0)


def test_of_an_error_the_bound_lies_above_the_best() -> None:
    of_error = definition(objective={"metric": "log_loss"})
    found = one_standard_error(usable([trial(0, [0.4, 0.6]), trial(1, [0.65, 0.65])], of_error), of_error)
    assert found["bound"] == pytest.approx(0.6)
    assert found["number"] == 0


def test_the_front_has_the_trials_that_no_other_beats_in_everything() -> None:
    both = definition(further_objectives=[{"metric": "parameters"}], stopping={"rule": "none"})
    trials = [weights(0, [0.9, 0.9], 100), weights(1, [0.8, 0.8], 10), weights(2, [0.8, 0.8], 50)]
    assert front(usable(trials, both), both) == [0, 1]
    assert front(usable(trials, definition()), definition()) == []


@pytest.mark.parametrize(("values", "shown"), [([0.6], 0.7), ([0.5, 0.9], 0.7), ([0.7, 0.9], 0.8), ([0.8, 0.8], 0.8)])
def test_a_trial_without_some_folds_is_as_far_from_the_best_as_on_the_folds_that_it_has(
    values: list[float], shown: float
) -> None:
    best = trial(0, [0.7, 0.9, 0.8])
    assert beside(trial(1, values, state=STOPPED), best, definition()) == pytest.approx(shown)


def test_a_trial_with_all_folds_is_shown_by_its_own_objective() -> None:
    bound = definition(objective={"metric": "roc_auc", "over_folds": "lower_bound"})
    whole = trial(1, [0.6, 0.8])
    assert beside(whole, trial(0, [0.9, 0.9]), bound) == whole.value(bound)


def test_convergence_goes_by_the_time_at_which_trials_ended() -> None:
    trials = [
        trial(0, [0.7, 0.8], ended="2026-01-01T00:03"),
        trial(1, [0.8, 0.8], ended="2026-01-01T00:01"),
        trial(2, [0.5], state=STOPPED, ended="2026-01-01T00:02"),
        trial(3, [0.7, 0.8], same_as=0, ended="2026-01-01T00:04"),
    ]
    assert convergence(trials, definition()) == [
        {"trial": 1, "fold_fits": 2, "value": 0.8, "best": 0.8},
        {"trial": 0, "fold_fits": 5, "value": 0.75, "best": 0.8},
        {"trial": 3, "fold_fits": 5, "value": 0.75, "best": 0.8},
    ]
