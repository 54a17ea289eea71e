"""The effect of the challenger on a number that is known for each request later. Pure.

Estimand: the mean of the number over requests that the challenger answered and that have one, minus the same of the
champion. Interval: Welch, "The generalization of Student's problem when several different population variances are
involved", Biometrika 34 (1947); requests are taken for independent of each other.
"""

from dataclasses import asdict, dataclass, replace
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

CONFIDENCE = 0.95
# Below, the mean of a skewed number is not near enough to normal: see the simulations of the tests.
LEAST_ROWS = 200
LEAST_OTHERS = 20
METHOD = "difference of means, Welch's interval"


@dataclass(frozen=True)
class Effect:
    """What the table says of both arms.

    Attributes:
        rows_champion, rows_challenger: requests with a number.
        mean_champion, mean_challenger: None without rows.
        difference, low, high: challenger minus champion, and its interval; None where `problem` says why.
        problem: what keeps the interval from being told; empty where it is.
    """

    rows_champion: int
    rows_challenger: int
    mean_champion: float | None = None
    mean_challenger: float | None = None
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    problem: str = ""

    def to_json(self) -> dict[str, Any]:
        """The same in plain values, with method and confidence."""
        return {"method": METHOD, "confidence": CONFIDENCE, **asdict(self)}

    def words(self, metric: str) -> str:
        """The effect as a sentence."""
        if self.problem:
            return f"Effect on {metric}: no interval: {self.problem}."
        return (
            f"Effect on {metric}: {self.difference:+.4g} ({CONFIDENCE:.0%} from {self.low:+.4g} to {self.high:+.4g}), "
            f"mean {self.mean_challenger:.4g} of {self.rows_challenger} requests of the challenger, "
            f"{self.mean_champion:.4g} of {self.rows_champion} of the champion; {METHOD}."
        )


def effect(champion: NDArray[np.float64], challenger: NDArray[np.float64]) -> Effect:
    """The challenger's effect; one number a request, shapes (n_champion,) and (n_challenger,)."""
    arms = {"champion": champion, "challenger": challenger}
    means = [float(values.mean()) if len(values) else None for values in arms.values()]
    known = Effect(len(champion), len(challenger), means[0], means[1])
    for name, values in arms.items():
        if len(values) < LEAST_ROWS:
            return replace(known, problem=f"{len(values)} of at least {LEAST_ROWS} rows of the {name}")
        others = len(values) - int(np.unique(values, return_counts=True)[1].max())
        if others < LEAST_OTHERS:
            problem = f"{others} of at least {LEAST_OTHERS} rows of the {name} that differ from its commonest value"
            return replace(known, problem=problem)
    parts = [float(values.var(ddof=1)) / len(values) for values in arms.values()]
    freedom = sum(parts) ** 2 / sum(
        part**2 / (len(values) - 1) for part, values in zip(parts, arms.values(), strict=True)
    )
    half = student_quantile(freedom, (1.0 + CONFIDENCE) / 2.0) * sum(parts) ** 0.5
    difference = float(challenger.mean() - champion.mean())
    return replace(known, difference=difference, low=difference - half, high=difference + half)


def student_quantile(freedom: float, probability: float) -> float:
    """A quantile of Student's distribution, to four digits from 20 degrees of freedom on: Cornish and Fisher's series
    (Abramowitz and Stegun, *Handbook of Mathematical Functions*, 26.7.5)."""
    z = NormalDist().inv_cdf(probability)
    terms = (
        z,
        (z**3 + z) / 4.0,
        (5.0 * z**5 + 16.0 * z**3 + 3.0 * z) / 96.0,
        (3.0 * z**7 + 19.0 * z**5 + 17.0 * z**3 - 15.0 * z) / 384.0,
    )
    return sum(term / freedom**power for power, term in enumerate(terms))
