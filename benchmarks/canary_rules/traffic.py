"""Simulated traffic of many rollouts at once."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from foldline.serving.deploy_canary.judge.evidence import Counts

SHARE = 0.1
REQUESTS = 200
WINDOWS = 300


@dataclass(frozen=True)
class Scenario:
    """What happens to the requests.

    Attributes:
        champion, challenger: rates of errors.
        slow, slow_challenger: rates of answers beyond the champion's 95 % quantile.
        form: steady; day (volume and rates go up and down by a factor); outages (in a tenth of the windows 30 % of all
            requests fail); pods (bursts of 3 to 10 errors, 0.3 a window, hit an arm in proportion to its share); long
            bursts (such bursts that go on for two windows more); single pods (bursts hit both arms equally often, and
            fail 2 to 30 % of an arm's window).
    """

    name: str
    champion: float
    challenger: float
    slow: float = 0.05
    slow_challenger: float = 0.05
    form: str = "steady"


@dataclass(frozen=True)
class Window:
    """Counts of champion and challenger; arrays of shape (runs,). `very_slow` answers take more than 500 ms."""

    errors: tuple[Counts, Counts]
    slow: tuple[Counts, Counts]
    very_slow: tuple[Counts, Counts]


def windows(
    scenario: Scenario, runs: int, seed: int, *, requests: int = REQUESTS, share: float = SHARE, number: int = WINDOWS
) -> Iterator[Window]:
    """`number` windows of about `requests` requests of both arms."""
    random = np.random.default_rng(seed)
    going_on = np.zeros((2, 2, runs), dtype=int)
    for place in range(number):
        angle = 2.0 * np.pi * place / number
        volume = requests * (1.0 + 0.8 * np.sin(angle)) if scenario.form == "day" else requests
        asked = random.poisson(volume, runs) + 2 if scenario.form == "day" else np.full(runs, requests)
        to_challenger = random.binomial(asked, share)
        arms = [
            _arm(random, scenario, angle, trials, rates)
            for trials, rates in (
                (asked - to_challenger, (scenario.champion, scenario.slow)),
                (to_challenger, (scenario.challenger, scenario.slow_challenger)),
            )
        ]
        if scenario.form == "outages":
            struck = random.random(runs) < 0.1
            for arm in arms:
                arm["errors"] = np.where(struck, random.binomial(arm["trials"], 0.3), arm["errors"])
        if scenario.form in ("pods", "long bursts"):
            begun = np.stack([random.poisson(0.3 * part, runs) for part in (1.0 - share, share)])
            begun *= random.integers(3, 11, runs)
            lasting = going_on.sum(axis=0) if scenario.form == "long bursts" else 0
            going_on = np.stack([begun, going_on[0]])
            for arm, burst in zip(arms, begun + lasting, strict=True):
                arm["errors"] = np.minimum(arm["errors"] + burst, arm["trials"])
        if scenario.form == "single pods":
            for arm in arms:
                part = np.where(random.random(runs) < 0.15, random.uniform(0.02, 0.3, runs), 0.0)
                arm["errors"] = np.minimum(arm["errors"] + (part * arm["trials"]).astype(int), arm["trials"])
        yield Window(
            *(
                tuple(Counts(arm["trials"], arm[signal]) for arm in arms)
                for signal in ("errors", "slow", "very_slow")
            )
        )  # fmt: skip


def _arm(
    random: np.random.Generator,
    scenario: Scenario,
    angle: float,
    trials: NDArray[np.int64],
    rates: tuple[float, float],
) -> dict[str, NDArray[np.int64]]:
    factor = np.exp(np.sin(angle + 2.5)) if scenario.form == "day" else 1.0
    errors, slow = rates
    slow_ones = random.binomial(trials, min(slow * factor, 1.0))
    return {
        "trials": trials,
        "errors": random.binomial(trials, min(errors * factor, 1.0)),
        "slow": slow_ones,
        # One slow answer in fifty takes more than 500 ms.
        "very_slow": random.binomial(slow_ones, 0.02),
    }
