"""Rules that look at traffic again and again, and revert or promote. Each is fed window by window.

Foldline's is the judge's own evidence. The others are written from their documented behaviour, with their defaults.
"""

from dataclasses import dataclass, field
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray
from traffic import Window

from foldline.serving.deploy_canary.judge.evidence import Counts, Evidence, compare, upper_bound
from foldline.serving.deploy_canary.policy import Policy

# Windows to one interval of the rules that count in intervals: 1000 requests, about 100 of the challenger.
INTERVAL = 5
Decisions = tuple[NDArray[np.bool_], NDArray[np.bool_]]


class Foldline:
    """The policy's defaults; nothing is invalid or refused; predictions are not simulated, so that drift is silent."""

    name = "Foldline"

    def __init__(self, runs: int) -> None:
        policy = Policy.parse({})
        self.promote = policy.promote_threshold
        self.gates = [
            (gate, Evidence.none(policy.revert_threshold(gate), (runs,)), Evidence.none(self.promote, (runs,)))
            for gate in policy.gates
            if gate.signal != "drift"
        ]
        self.total = [Counts(np.zeros(runs), np.zeros(runs)) for _ in self.gates]

    def look(self, window: Window) -> Decisions:
        """Which runs revert and which promote."""
        champion, challenger = window.errors
        nothing = tuple(Counts(arm.trials, np.zeros_like(arm.trials)) for arm in (champion, challenger))
        reverts, satisfied = np.zeros(champion.trials.shape, bool), np.ones(champion.trials.shape, bool)
        for place, (gate, worse, not_worse) in enumerate(self.gates):
            arms = {"errors": window.errors, "latency": window.slow}.get(gate.signal, nothing)
            assert gate.margin is not None
            assert gate.tolerance is not None
            worse = compare(worse, arms[1], arms[0], 1.0)
            not_worse = compare(not_worse, arms[0], arms[1], 1.0 / gate.margin)
            self.gates[place] = gate, worse, not_worse
            self.total[place] = self.total[place] + arms[1]
            reverts |= worse.decides
            tolerable = upper_bound(self.total[place], self.promote) < gate.tolerance
            satisfied &= not_worse.decides | tolerable
        return reverts, satisfied & ~reverts


@dataclass
class Flagger:
    """At least 99 % without error and the 99 % quantile at most 500 ms, of the challenger alone, in each interval.

    A rollout is reverted after `threshold` failed checks, and promoted after 10 passed ones (steps of 5 % up to 50 %).
    The share is held at 10 % here, as for every rule.
    """

    runs: int
    threshold: int
    seen: list[tuple[Counts, Counts]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.name = f"Flagger, threshold {self.threshold}"
        self.passed, self.failed = np.zeros(self.runs), np.zeros(self.runs)

    def look(self, window: Window) -> Decisions:
        """Which runs revert and which promote."""
        self.seen.append((window.errors[1], window.very_slow[1]))
        if len(self.seen) == INTERVAL:
            errors, slow = (sum((pair[place] for pair in self.seen), Counts(0, 0)) for place in (0, 1))
            fails = (errors.events > 0.01 * errors.trials) | (slow.events > 0.01 * slow.trials)
            self.failed += fails
            self.passed += ~fails
            self.seen = []
        return self.failed >= self.threshold, self.passed >= 10


class Kayenta:
    """Mann-Whitney on the error rates of the intervals so far, at confidence 0.98, judged from the tenth interval on.

    A metric is high where the lower bound of the shift lies above 25 % of its Hodges-Lehmann estimate. With one metric
    the score is then 0, which ends the analysis; what reaches the last interval has passed.
    """

    name = "Kayenta"

    def __init__(self, runs: int, last: int) -> None:
        self.last = last
        self.seen: list[tuple[Counts, Counts]] = []
        self.rates: list[tuple[NDArray[np.float64], NDArray[np.float64]]] = []
        self.undecided = np.zeros(runs, bool)

    def look(self, window: Window) -> Decisions:
        """Which runs revert and which promote."""
        self.seen.append(window.errors)
        if len(self.seen) < INTERVAL:
            return self.undecided, self.undecided
        arms = [sum((pair[place] for pair in self.seen), Counts(0, 0)) for place in (0, 1)]
        self.rates.append((arms[0].events / arms[0].trials, arms[1].events / arms[1].trials))
        self.seen = []
        if len(self.rates) < 10:
            return self.undecided, self.undecided
        high = self._high()
        return high, ~high & (len(self.rates) == self.last)

    def _high(self) -> NDArray[np.bool_]:
        control, experiment = (np.stack([rates[place] for rates in self.rates], axis=1) for place in (0, 1))
        points = control.shape[1]
        shifts = np.sort((experiment[:, :, None] - control[:, None, :]).reshape(len(control), -1), axis=1)
        spread = (points * points * (2 * points + 1) / 12.0) ** 0.5
        rank = int(points * points / 2.0 - NormalDist().inv_cdf(0.99) * spread)
        high: NDArray[np.bool_] = shifts[:, max(rank, 0)] > 0.25 * np.abs(np.median(shifts, axis=1))
        return high


class RepeatedTest:
    """A one-sided z-test of two shares of errors at 5 %, over everything so far, at the end of each interval.

    What reaches the last interval is promoted.
    """

    name = "z-test at every look"

    def __init__(self, runs: int, last: int) -> None:
        self.arms = [Counts(np.zeros(runs), np.zeros(runs)) for _ in range(2)]
        self.looks, self.last = 0, last

    def look(self, window: Window) -> Decisions:
        """Which runs revert and which promote."""
        self.looks += 1
        self.arms = [total + counts for total, counts in zip(self.arms, window.errors, strict=True)]
        if self.looks % INTERVAL:
            return np.zeros(len(self.arms[0].trials), bool), np.zeros(len(self.arms[0].trials), bool)
        (n0, k0), (n1, k1) = ((arm.trials, arm.events) for arm in self.arms)
        pooled = (k0 + k1) / (n0 + n1)
        error = np.sqrt(np.maximum(pooled * (1 - pooled), 1e-12) * (1 / n0 + 1 / n1))
        worse = (k1 / n1 - k0 / n0) / error > NormalDist().inv_cdf(0.95)
        return worse, ~worse & (self.looks == self.last * INTERVAL)
