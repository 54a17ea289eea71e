"""Statistics of one window and of the pairs of periods that it is ranked among."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from foldline.data.detect_drift import family
from foldline.data.detect_drift.distances import Floats, difference_of_roots, divergence, shares, stability_index
from foldline.data.detect_drift.periods import Ints, Pairs
from foldline.data.detect_drift.policy import Policy
from foldline.data.detect_drift.watched import Watched, WatchedColumn

# Usual deviations of a figure are taken as at least this part of the change that its floor asks for.
_LEAST_PART = 0.2


@dataclass(frozen=True)
class Measure:
    """One statistic of all pairs, the window last.

    Attributes:
        name, tier, measure, floor, psi: as of a `findings.Member`.
        effects, statistics: how large the change is, and how unlike other pairs' changes; shape (n_pairs,).
        least_scale: of the statistics.
        column: of which the statistic is, and its counts in the window and the slice; None of other members.
    """

    name: str
    tier: str
    measure: str
    floor: float
    effects: Floats
    statistics: Floats
    least_scale: float
    psi: float | None = None
    column: WatchedColumn | None = None
    counts: tuple[Ints, Ints] | None = None


def measures(watched: Watched, pairs: Pairs, rows: int, policy: Policy) -> list[Measure]:
    """The statistics of a window of `rows` rows, of all that is watched; each pair must have rows of it."""
    return [
        *_of_performance(watched, pairs, policy),
        *_of_columns(watched, pairs, policy),
        *_of_joint(watched, pairs, rows, policy),
    ]


def _of_columns(watched: Watched, pairs: Pairs, policy: Policy) -> Iterator[Measure]:
    for one in watched.columns:
        rows = one.binned.rows(int(pairs.periods[-1]))
        counts = one.binned.tables(pairs, rows)
        now, before = shares(counts[0]), shares(counts[1])
        yield Measure(
            name=one.column.name,
            tier=one.tier,
            measure="divergence",
            floor=policy.divergence_floor,
            effects=divergence(now, before),
            statistics=family.deviation(difference_of_roots(now, before), pairs.periods, rows),
            least_scale=family.deviation_noise(len(pairs.periods)),
            psi=float(stability_index(now[-1], before[-1])),
            column=one,
            counts=(counts[0][-1], counts[1][-1]),
        )


def _of_performance(watched: Watched, pairs: Pairs, policy: Policy) -> Iterator[Measure]:
    scored = watched.scored
    if scored is None:
        return
    rows = scored.rows(int(pairs.periods[-1]))
    loss, areas = scored.loss_increases(pairs, rows), scored.area_losses(pairs, rows)
    yield _figure(scored.loss_name, "performance", "loss_increase", policy.loss_floor, loss)
    if areas is not None:
        yield _figure("roc_auc", "performance", "area_loss", policy.area_floor, areas)


def _of_joint(watched: Watched, pairs: Pairs, rows: int, policy: Policy) -> Iterator[Measure]:
    if watched.joint is not None:
        areas = watched.joint.areas(pairs, rows)
        yield _figure("joint", "joint", "domain_area", policy.joint_floor, areas, policy.joint_floor - 0.5)


def _figure(name: str, tier: str, measure: str, floor: float, values: Floats, change: float | None = None) -> Measure:
    least = _LEAST_PART * (floor if change is None else change)
    return Measure(name, tier, measure, floor, values, values, max(least, np.finfo(np.float64).eps))
