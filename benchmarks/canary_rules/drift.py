"""Drift as a gate that only reverts: what it finds, how soon, and what it lets be.

Predictions are probabilities, counted in the model server's bins, with 200 requests a look and 10 % to the challenger.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from traffic import REQUESTS, SHARE

from foldline.serving.deploy_canary.gate import PARTS
from foldline.serving.deploy_canary.judge.evidence import Counts, Evidence, compare
from foldline.serving.deploy_canary.policy import Policy

LOOKS = 60
BINS = np.linspace(0.0, 1.0, 21)
Floats = NDArray[np.float64]


def _stretched(by: float, shift: float = 0.0) -> Callable[[Floats], Floats]:
    return lambda p: 1.0 / (1.0 + np.exp(-(by * np.log(p / (1.0 - p)) + shift)))


# What the challenger says where the champion says p.
CHALLENGERS: dict[str, Callable[[Floats], Floats]] = {
    "equal": lambda p: p,
    "a little surer": _stretched(1.25),
    "less sure": _stretched(0.8),
    "higher": _stretched(1.0, 0.3),
    "much surer": _stretched(1.6),
    "constant": lambda p: np.full_like(p, p.mean()),
    "flipped": lambda p: 1.0 - p,
}
# Rare positives; a third of them; even.
CHAMPIONS = {"Beta(1, 9)": (1.0, 9.0), "Beta(2, 4)": (2.0, 4.0), "Beta(2, 2)": (2.0, 2.0)}


def drift(runs: int, seed: int, margins: tuple[float, ...]) -> dict[str, Any]:
    """Of each champion, challenger and margin: share of the runs that are reverted, and the median of the challenger's
    requests until then."""
    policy = Policy.parse({})
    threshold = policy.revert_threshold(next(gate for gate in policy.gates if gate.signal == "drift"))
    found: dict[str, Any] = {}
    for champion, shape in CHAMPIONS.items():
        values = np.clip(np.random.default_rng(seed).beta(*shape, 200_000), 1e-6, 1.0 - 1e-6)
        for challenger, says in CHALLENGERS.items():
            bins = [np.histogram(of, BINS)[0] / len(values) for of in (values, says(values))]
            for margin in margins:
                until = _until(bins[0], bins[1], margin, threshold, runs, seed)
                reverted = np.isfinite(until)
                found[f"{champion}, {challenger}, margin {margin:g}"] = {
                    "reverted": round(float(reverted.mean()), 4),
                    "median_challenger_requests": int(np.median(until[reverted])) if reverted.mean() > 0.5 else None,
                }
    return found


def _until(champion: Floats, challenger: Floats, margin: float, threshold: float, runs: int, seed: int) -> Floats:
    random = np.random.default_rng(seed)
    asked = round(REQUESTS * SHARE)
    # The first look freezes the champion's fifths, as the judge does.
    below = random.multinomial(REQUESTS - asked, champion, runs).cumsum(axis=1) / (REQUESTS - asked)
    fifth = np.minimum((np.concatenate([np.zeros((runs, 1)), below[:, :-1]], axis=1) * PARTS).astype(int), PARTS - 1)
    parts = [
        np.stack([np.where(fifth == one, bins, 0.0).sum(axis=1) for one in range(PARTS)], axis=1)
        for bins in (champion, challenger)
    ]
    evidence = Evidence.none(threshold, (runs, PARTS))
    used, until = np.full(runs, float(asked)), np.full(runs, np.inf)
    for _ in range(1, LOOKS):
        trials = random.binomial(REQUESTS, SHARE, runs)
        kept = REQUESTS - trials
        counts = [random.multinomial(each, shares) for each, shares in ((kept, parts[0]), (trials, parts[1]))]
        arms = Counts(trials[:, None], counts[1]), Counts(kept[:, None], counts[0])
        evidence = compare(evidence, *arms, margin, independent=True)
        used = used + trials
        until = np.where(np.isinf(until) & evidence.decides.any(axis=1), used, until)
    return until
