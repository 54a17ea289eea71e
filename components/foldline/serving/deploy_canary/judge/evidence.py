"""Evidence about rates of events that may be looked at after every window: e-processes. Pure.

An e-process is a nonnegative number that begins at 1 and, where the null hypothesis holds, is expected to be no larger
after a window than before it, whatever happened until then. By Ville's inequality ("Étude critique de la notion de
collectif", 1939) it then ever reaches x with probability at most 1/x, however often and whenever one looks.

Everything takes arrays: many rollouts side by side, of one shape, as well as one of shape ().
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

# A window multiplies the evidence by at most the square root of what decides: one window alone never does.
LEAST_WINDOWS = 2
# Evidence against the challenger from which on it gets no larger share, and is not promoted past a gate that only
# reverts. One that is no worse reaches it at some look with a probability of at most a third, and then waits until the
# evidence has melted away.
SUSPICION = 3.0
# Alternatives: 1 (nothing to bet on) and, as multiples of the null, 12 ratios evenly spaced in logarithm, weighted by a
# normal density of the logarithm: centre 4.5, standard deviation 0.6. Chosen by simulation: see docs/canary.md.
_MULTIPLES = np.exp(np.linspace(np.log(1.25), np.log(32.0), 12))
_DENSITY = np.exp(-0.5 * (np.log(_MULTIPLES / 4.5) / 0.6) ** 2)
ALTERNATIVES: Floats = np.append(1.0, _MULTIPLES)
LOG_PRIOR: Floats = np.log(np.append(0.05, 0.95 * _DENSITY / _DENSITY.sum()))
# After each window so much of the weight goes back to the prior, so that a change after a long quiet time is found.
_RETURN = 0.05
# Alternatives of the challenger's own rate, as multiples of the rate that is to be excluded: mostly no events at all.
_FRACTIONS: Floats = np.array([0.0, 0.1, 0.2, 0.35, 0.5, 0.7, 0.85])
_LOG_FRACTION_PRIOR: Floats = np.log(np.array([0.88, 0.02, 0.02, 0.02, 0.02, 0.02, 0.02]))


@dataclass(frozen=True)
class Counts:
    """Trials and events, of one window or in all.

    Attributes:
        trials: how often the event could have happened; an array of any shape, or a number.
        events: how often it did; same shape.
    """

    trials: Any
    events: Any

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(self.trials + other.trials, self.events + other.events)


@dataclass(frozen=True)
class Evidence:
    """An e-process, with the weights that a posterior over the alternatives would have.

    Attributes:
        log_value: natural logarithm of the evidence, shape S.
        log_weights: of each of ALTERNATIVES, shape S + (13,).
        log_threshold: what log_value must reach for a decision.
    """

    log_value: Floats
    log_weights: Floats
    log_threshold: float

    @classmethod
    def none(cls, threshold: float, shape: tuple[int, ...] = ()) -> "Evidence":
        """No evidence yet: the value 1."""
        weights = np.broadcast_to(LOG_PRIOR, (*shape, len(LOG_PRIOR))).copy()
        return cls(np.zeros(shape), weights, float(np.log(threshold)))

    @property
    def value(self) -> Any:
        """The evidence itself, shape S; at most 1e300."""
        return np.exp(np.minimum(self.log_value, 690.0))

    @property
    def decides(self) -> Any:
        """Whether the threshold is reached, shape S."""
        return self.log_value >= self.log_threshold

    def to_json(self) -> list[Any]:
        """Value and weights as plain numbers, exact; of shape ()."""
        return [float(self.log_value), self.log_weights.tolist()]

    def restored(self, kept: list[Any]) -> "Evidence":
        """What `to_json` gave, with this one's threshold."""
        value, weights = kept
        return replace(self, log_value=np.array(value), log_weights=np.array(weights))

    def _times(self, log_factor: Floats, log_likelihoods: Floats, counts: NDArray[np.bool_]) -> "Evidence":
        log_factor = np.minimum(log_factor, self.log_threshold / LEAST_WINDOWS)
        posterior = self.log_weights + log_likelihoods
        posterior = posterior - log_sum(posterior)[..., None]
        weights = np.logaddexp(np.log1p(-_RETURN) + posterior, np.log(_RETURN) + LOG_PRIOR)
        return replace(
            self,
            log_value=self.log_value + np.where(counts, log_factor, 0.0),
            log_weights=np.where(counts[..., None], weights, self.log_weights),
        )


def compare(
    evidence: Evidence, suspect: Counts, control: Counts, null: float, *, independent: bool = False
) -> Evidence:
    """`evidence` with one window more, against: the suspect's rate of events is at most `null` times the control's.

    Given that an event happened, its chance to be the suspect's is at most t = s*null / (s*null + 1 - s), s the
    suspect's observed share of the window's trials. The factor is a bet on x, the suspect's share of the events:

        1 + (1 - Z) * (x - t) / t,    Z = sum over alternatives r of weight(r) * ((1 - t(r)) / (1 - t))**events

    Z is what a mixture of likelihood ratios would make of a window whose events were all the control's; for a single
    event the bet is that mixture. It is linear in x, so its expectation depends on that of x alone: events of a window
    may come in bursts, of both arms or of one, as long as no arm is hit more than its share (times null) makes expect.
    A likelihood ratio takes the events of a burst for independent ones. Bets on a bounded mean: Waudby-Smith and
    Ramdas, "Estimating means of bounded random variables by betting", JRSS B 86 (2024).

    Args:
        suspect, control: counts of this window; where an arm has no trials, or neither has events, nothing is learnt.
        independent: whether the router's draw alone decides which arm has an event, as where the request decides what
            is predicted; then the factor is the mixture of likelihood ratios itself, which learns more of a window.
    """
    n1, k1 = _floats(suspect)
    n0, k0 = _floats(control)
    events = k1 + k0
    counts = (n1 > 0) & (n0 > 0) & (events > 0)
    share = np.where(counts, n1 / np.maximum(n1 + n0, 1.0), 0.5)[..., None]
    under_null = _chance(share, null)
    under_each = _chance(share, null * ALTERNATIVES)
    if_suspect, if_control = np.log(under_each / under_null), np.log((1.0 - under_each) / (1.0 - under_null))
    likelihoods = k1[..., None] * if_suspect + k0[..., None] * if_control
    if independent:
        return evidence._times(log_sum(evidence.log_weights + likelihoods), likelihoods, counts)
    all_control = np.exp(log_sum(evidence.log_weights + events[..., None] * if_control))
    chance = under_null[..., 0]
    factor = 1.0 + (1.0 - all_control) * (k1 / np.maximum(events, 1.0) - chance) / chance
    return evidence._times(np.log(factor), likelihoods, counts)


def exceed(evidence: Evidence, counts: Counts, rate: float) -> Evidence:
    """`evidence` with one window more, against: the rate of events of one arm is at most `rate`.

    The factor is a mixture of likelihood ratios over rates whose odds are multiples of those of `rate`.
    """
    n, k = _floats(counts)
    odds = ALTERNATIVES * rate / (1.0 - rate)
    alternatives = odds / (1.0 + odds)
    likelihoods = k[..., None] * np.log(alternatives / rate) + (n - k)[..., None] * np.log(
        (1.0 - alternatives) / (1.0 - rate)
    )
    return evidence._times(log_sum(evidence.log_weights + likelihoods), likelihoods, n > 0)


def upper_bound(counts: Counts, confidence_threshold: float) -> Any:
    """An upper bound of one arm's rate, valid at every look: the largest rate that is not excluded, shape S.

    A rate q is excluded where a mixture of likelihood ratios against q, over the rates 0 (weight 0.88) and six
    fractions of q, reaches `confidence_threshold` (20 for 95 %). Events are taken for independent: unlike `compare`, it
    says nothing about bursts that have not come yet. The duality of bounds and tests: Howard, Ramdas, McAuliffe and
    Sekhon, "Time-uniform, nonparametric, nonasymptotic confidence sequences", Annals of Statistics 49 (2021).

    Args:
        counts: of all windows together.
    """
    n, k = _floats(counts)
    low, high = np.zeros(n.shape), np.ones(n.shape)
    for _ in range(50):
        middle = (low + high) / 2.0
        excluded = _log_against(n, k, middle) >= np.log(confidence_threshold)
        low, high = np.where(excluded, low, middle), np.where(excluded, middle, high)
    return high


def _log_against(n: Floats, k: Floats, rate: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        fraction = np.where(
            (_FRACTIONS == 0.0) & (k[..., None] == 0.0),
            0.0,
            k[..., None] * np.log(np.where(_FRACTIONS > 0, _FRACTIONS, 0.0)),
        )
    rest = (n - k)[..., None] * (np.log1p(-_FRACTIONS * rate[..., None]) - np.log1p(-rate)[..., None])
    return log_sum(_LOG_FRACTION_PRIOR + fraction + rest)


def log_sum(values: Floats) -> Floats:
    """Logarithm of the sum of exponentials over the last axis; at least one value must be finite."""
    largest = values.max(axis=-1, keepdims=True)
    total: Floats = largest[..., 0] + np.log(np.exp(values - largest).sum(axis=-1))
    return total


def _chance(share: Floats, ratio: ArrayLike) -> Floats:
    weighted = share * np.asarray(ratio)
    chance: Floats = weighted / (weighted + 1.0 - share)
    return chance


def _floats(counts: Counts) -> tuple[Floats, Floats]:
    return np.asarray(counts.trials, dtype=np.float64), np.asarray(counts.events, dtype=np.float64)
