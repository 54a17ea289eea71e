"""Readings of two arms, and simulated traffic of many rollouts at once."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from foldline.serving.deploy_canary.judge.evidence import Counts
from foldline.serving.reading import ArmReading, Histogram, Reading

EDGES = (1.0, 5.0, 10.0, 25.0, 50.0, 100.0)
LOOKS = 60
KINDS = ("independent", "drifting", "shared bursts", "bursts of one arm")


def arm(requests: int = 0, errors: int = 0, *, epoch: str = "1", **measured: object) -> ArmReading:
    """An arm's counters; `latency_ms` and `predictions` may be given as counts of the bins of EDGES."""
    for name in ("latency_ms", "predictions"):
        if isinstance(measured.get(name), (list, tuple)):
            measured[name] = Histogram(EDGES, tuple(measured[name]))  # type: ignore[arg-type]
    return ArmReading(epoch, requests, errors, **measured)  # type: ignore[arg-type]


def readings(*counts: tuple[tuple[int, int], tuple[int, int]], every_s: float = 5.0) -> list[Reading]:
    """Readings whose windows have these (requests, errors) of champion and challenger; the first is all zeros."""
    made, total = [Reading(0.0, arm(), arm(), unserved=0)], np.zeros((2, 2), dtype=int)
    for place, window in enumerate(counts, start=1):
        total = total + np.array(window)
        (n0, k0), (n1, k1) = total.tolist()
        made.append(Reading(place * every_s, arm(n0, k0), arm(n1, k1), unserved=0))
    return made


def traffic(
    kind: str, champion: float, challenger: float, *, runs: int, requests: int, share: float, seed: int
) -> Iterator[tuple[Counts, Counts]]:
    """Counts of champion and challenger in each of LOOKS windows; arrays of shape (runs,).

    independent: each request alone. drifting: requests and rates go up and down by a factor, once in all windows, not
    together. shared bursts: in a tenth of the windows the champion's rate is 0.3, and the challenger's higher by the
    same factor. bursts of one arm: beside the independent events, bursts of 3 to 25 events, 0.3 a window, that hit an
    arm in proportion to its requests times its rate.
    """
    random = np.random.default_rng(seed)
    for look in range(LOOKS):
        asked: NDArray[np.int64] = np.full(runs, requests)
        factor = np.ones(runs)
        if kind == "drifting":
            asked = random.poisson(requests * (1.0 + 0.8 * np.sin(2.0 * np.pi * look / LOOKS)), runs) + 2
            factor *= np.exp(np.sin(2.0 * np.pi * (look / LOOKS + 0.4)))
        if kind == "shared bursts":
            factor = np.where(random.random(runs) < 0.1, 0.3 / champion, 1.0)
        n1 = random.binomial(asked, share)
        n0 = asked - n1
        k0 = random.binomial(n0, champion * factor)
        k1 = random.binomial(n1, challenger * factor)
        if kind == "bursts of one arm":
            size = random.integers(3, 26, runs)
            chance = share * challenger / (share * challenger + (1.0 - share) * champion)
            k1 = np.minimum(k1 + size * random.poisson(0.3 * chance, runs), n1)
            k0 = np.minimum(k0 + size * random.poisson(0.3 * (1.0 - chance), runs), n0)
        yield Counts(n0, k0), Counts(n1, k1)
