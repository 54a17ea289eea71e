"""The effect of an A/B comparison: its interval covers what is true, and too little is said in words."""

from collections.abc import Callable

import numpy as np
import pytest

from foldline.serving.deploy_canary.feedback.effect import effect, student_quantile

Draw = Callable[[np.random.Generator, int], np.ndarray]
RUNS = 2500


@pytest.mark.parametrize(
    ("freedom", "probability", "value"),
    [(20, 0.975, 2.0860), (30, 0.975, 2.0423), (100, 0.975, 1.9840), (200, 0.975, 1.9719), (200, 0.95, 1.6525)],
)
def test_the_quantiles_are_those_of_printed_tables(freedom: float, probability: float, value: float) -> None:
    assert student_quantile(freedom, probability) == pytest.approx(value, abs=1e-4)


def bought(rate: float, size: float) -> Draw:
    """Most requests bring nothing; the others a sum whose logarithm is normal."""
    return lambda random, n: (random.random(n) < rate) * random.lognormal(size, 0.8, n)


@pytest.mark.parametrize(
    ("champion", "challenger", "true", "rows"),
    [
        (lambda r, n: r.normal(1.0, 1.0, n), lambda r, n: r.normal(1.2, 2.0, n), 0.2, (200, 200)),
        (lambda r, n: r.normal(1.0, 1.0, n), lambda r, n: r.normal(1.0, 3.0, n), 0.0, (1800, 200)),
        (lambda r, n: r.random(n) < 0.1, lambda r, n: r.random(n) < 0.13, 0.03, (1000, 1000)),
        (lambda r, n: r.random(n) < 0.1, lambda r, n: r.random(n) < 0.1, 0.0, (5400, 600)),
        (bought(0.2, 1.0), bought(0.25, 1.0), 0.05 * np.exp(1.0 + 0.32), (2000, 2000)),
    ],
    ids=["normal", "unequal spread and size", "conversions", "conversions at 10 %", "sums"],
)
def test_the_interval_covers_the_true_effect_in_95_of_100_comparisons(
    champion: Draw, challenger: Draw, true: float, rows: tuple[int, int]
) -> None:
    random = np.random.default_rng(1)
    covered = told = 0
    for _ in range(RUNS):
        found = effect(champion(random, rows[0]).astype(float), challenger(random, rows[1]).astype(float))
        if found.low is not None and found.high is not None:
            told += 1
            covered += found.low <= true <= found.high
    assert told == RUNS
    assert abs(covered / told - 0.95) <= 0.015


ENOUGH = np.arange(200.0)


@pytest.mark.parametrize(
    ("champion", "challenger", "words"),
    [
        (ENOUGH, ENOUGH[:199], "199 of at least 200 rows of the challenger"),
        (ENOUGH[:0], ENOUGH, "0 of at least 200 rows of the champion"),
        (
            ENOUGH,
            np.where(ENOUGH < 19, 1.0, 0.0),
            "19 of at least 20 rows of the challenger that differ from its commonest",
        ),
    ],
)
def test_too_few_rows_are_said_in_words_and_give_no_interval(
    champion: np.ndarray, challenger: np.ndarray, words: str
) -> None:
    found = effect(champion, challenger)
    assert (found.difference, found.low, found.high) == (None, None, None)
    assert found.words("revenue").startswith(f"Effect on revenue: no interval: {words}")


def test_the_words_have_difference_interval_means_and_method() -> None:
    found = effect(ENOUGH, ENOUGH + 10.0)
    assert found.words("revenue") == (
        "Effect on revenue: +10 (95% from -1.379 to +21.38), mean 109.5 of 200 requests of the challenger, "
        "99.5 of 200 of the champion; difference of means, Welch's interval."
    )
    assert found.to_json()["method"] == "difference of means, Welch's interval"
