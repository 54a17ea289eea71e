"""What the winner's score is worth: on known scores, and over many simulated searches whose trials' true scores are
known."""

from statistics import fmean
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from builders.searches import definition, trial
from foldline.training.search import choice
from foldline.training.search.conduct import Stopping
from foldline.training.search.estimate import estimate, folds_never_asked_about, reselected
from foldline.training.search.stopping import Course, goes_on

TRIALS, FOLDS, COHORT, SEARCHES = 40, 5, 8, 300


def test_each_fold_is_scored_by_the_trial_that_the_others_choose() -> None:
    trials = [trial(0, [0.9, 0.1, 0.5]), trial(1, [0.2, 0.8, 0.6]), trial(2, [0.5, 0.4, 0.6])]
    found = reselected(trials, definition(stopping={"rule": "none"}), (0, 1, 2))
    assert found["by_fold"] == {
        "0": {"trial": 1, "value": 0.2},
        "1": {"trial": 0, "value": 0.1},
        "2": {"trial": 0, "value": 0.5},
    }
    assert found["value"] == found["over_all_folds"] == pytest.approx(0.8 / 3)
    assert found["standard_error"] == pytest.approx(np.std([0.2, 0.1, 0.5], ddof=1) / np.sqrt(3))


@pytest.mark.parametrize(
    ("rule", "eta", "folds", "counting"),
    [
        ("none", 2, (4, 2, 0), [4, 2, 0]),
        ("halving", 2, (0, 1, 2, 3, 4), [4]),
        ("halving", 3, (0, 1, 2, 3, 4), [3, 4]),
        ("halving", 2, (3, 1), [1]),
        ("halving", 10, (0, 1, 2), [1, 2]),
        ("worst_fold", 2, (0, 1, 2), [2]),
    ],
)
def test_a_fold_counts_where_no_trial_was_stopped_on_it(
    rule: str, eta: int, folds: tuple[int, ...], counting: list[int]
) -> None:
    assert folds_never_asked_about(Stopping(rule, eta), folds) == counting


@pytest.mark.parametrize(
    ("fields", "folds", "held_out", "value", "optimism"),
    [
        ({"estimate": "hold_out_fold"}, (0, 1), {"fold": 2, "value": 0.6, "epochs": 7}, 0.6, 0.2),
        ({"estimate": "hold_out_fold", "objective": {"metric": "brier"}}, (0, 1), {"value": 0.9}, 0.9, 0.1),
        ({"estimate": "hold_out_fold"}, (0, 1), None, None, None),
        ({}, (0,), None, None, None),
    ],
)
def test_the_estimate_stands_beside_the_selection_score(
    fields: dict[str, Any], folds: tuple[int, ...], held_out: dict[str, Any] | None, value: float, optimism: float
) -> None:
    found = estimate([trial(0, [0.8] * len(folds))], definition(**fields), folds, held_out)
    assert found["selection_score"] == 0.8
    assert found["value"] == value
    assert found["optimism"] == (None if optimism is None else pytest.approx(optimism))


def simulated(random: np.random.Generator, rule: str, spread: float) -> list[float]:
    """How far selection score, estimate, and estimate over all folds of one search are above the winner's true score.

    The scores of a trial's folds are its true score and noise of variance 1; true scores vary by `spread`.
    """
    true = random.normal(0.0, 1.0, TRIALS) * spread
    scores: NDArray[np.float64] = true[:, None] + random.normal(0.0, 1.0, (TRIALS, FOLDS))
    met: dict[int, Course] = {}
    for first in range(0, TRIALS, COHORT):
        live = range(first, first + COHORT)
        for done in range(1, FOLDS + 1):
            met |= {number: Course.of(scores[number, :done].tolist(), maximize=True) for number in live}
            live = [
                number
                for number in live
                if done < FOLDS
                and goes_on(rule, met[number], [met[other] for other in met if other != number], n_folds=FOLDS)
            ]
    whole = [trial(number, scores[number].tolist()) for number, course in met.items() if len(course.ranks) == FOLDS]
    of_rule = definition(stopping={"rule": rule})
    best = choice.usable(whole, of_rule)
    found = reselected(best, of_rule, range(FOLDS))
    of_best = fmean(best[0].fold_values.values())
    return [
        of_best - true[best[0].number],
        *(found[name] - true[best[0].number] for name in ("value", "over_all_folds")),
    ]


@pytest.mark.parametrize(
    ("rule", "spread", "luck"),
    [("none", 0.0, 0.9), ("none", 0.3, 0.7), ("halving", 0.0, 0.85), ("halving", 0.3, 0.7), ("worst_fold", 0.0, 0.9)],
)
def test_the_estimate_is_free_of_the_luck_that_the_selection_score_has(rule: str, spread: float, luck: float) -> None:
    """In units of a fold's noise, over 300 searches of 40 trials on 5 folds: the selection score is above the winner's
    true score by more than `luck`; the estimate by nothing that its own standard error over the searches (0.04 to 0.06)
    tells from 0, and by at most a sixth of the luck."""
    random = np.random.default_rng(7)
    found = np.array([simulated(random, rule, spread) for _ in range(SEARCHES)])
    selection, value, over_all = found.mean(axis=0)
    error = found[:, 1].std(ddof=1) / np.sqrt(SEARCHES)
    assert selection > luck
    assert abs(value) < 3.0 * error
    assert abs(value) < luck / 6.0
    if rule == "halving":
        # Why the folds that stopped trials do not count.
        assert over_all > 0.2
