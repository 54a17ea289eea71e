"""Tables of weeks whose means vary from week to week, and what can happen to the weeks after a reference."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from foldline.artifacts import Task
from foldline.data.detect_drift.observed import Observed

DAY = 86_400_000_000
WEEK = 7 * DAY
CITIES = np.array(["Aachen", "Bern", "Ghent", "Lyon", "Porto", "Turin", "Vienna"])
COLUMNS = ("income", "debt", "age", "city", "ordered_at")
BINARY = Task("binary", ("no", "yes"))

Columns = dict[str, NDArray[Any]]
Change = Callable[[Columns, np.random.Generator], Columns]


@dataclass(frozen=True)
class Weeks:
    """How the weeks are made.

    Attributes:
        effect: standard deviation of a week's means beside that of its rows, 1.
        alike: how much of one week's means stays in the next.
        trend: of the means, a week.
        season: height of a wave of 13 weeks in the means.
        scored: whether there are a label, `left`, and a model's predictions of it.
        unlabelled: share of the later weeks' rows whose label has not come.
    """

    reference: int = 26
    later: int = 1
    rows: int = 150
    effect: float = 0.2
    alike: float = 0.0
    trend: float = 0.0
    season: float = 0.0
    scored: bool = False
    unlabelled: float = 0.0


def weeks(seed: int, given: Weeks = Weeks(), change: Change | None = None, first: int = 0) -> tuple[Observed, Observed]:
    """A reference, and the weeks after it.

    Args:
        change: what becomes of the columns of the later weeks from number `first` on, counted from 0.
    """
    random = np.random.default_rng(seed)
    count = given.reference + given.later
    number = np.repeat(np.arange(count), given.rows)
    rows = _columns(random, given, _means(random, given, count)[number])
    inside = random.integers(0, WEEK, count * given.rows)
    # The first row of a week is at its begin and the last at its end, so that all weeks are whole.
    inside[:: given.rows], inside[given.rows - 1 :: given.rows] = 0, WEEK - 1
    rows["ordered_at"] = (number * WEEK + inside).astype("datetime64[us]")
    rows["row_id"] = random.integers(0, 2**62, count * given.rows)
    late = number >= given.reference
    changed = {name: values[late] for name, values in rows.items()}
    if change is not None:
        hit = number[late] >= given.reference + first
        after = change({name: values[hit] for name, values in changed.items()}, random)
        changed = {name: np.concatenate([changed[name][~hit], after[name]]) for name in after}
    known = observed({name: values[~late] for name, values in rows.items()}, scored=given.scored)
    return known, observed(changed, scored=given.scored)


def observed(columns: Columns, *, scored: bool = False) -> Observed:
    """Columns as rows that are held against others; NaN and None are missing."""
    table = pa.table({name: pa.array(values, from_pandas=True) for name, values in columns.items()})
    model = {"label": "left", "model_version": "v1", "task": BINARY, "predictions": ("prediction",)} if scored else {}
    end = str(columns["ordered_at"].max())
    return Observed(table=table, digest="0" * 64, time_column="ordered_at", end=end, **model)


def with_table(given: Observed, table: pa.Table) -> Observed:
    """The same, with other rows."""
    return replace(given, table=table)


def _means(random: np.random.Generator, given: Weeks, count: int) -> NDArray[np.float64]:
    """Means of three correlated numbers by week; shape (count, 3)."""
    steps = random.normal(size=(count + 30, 3)) @ np.linalg.cholesky(np.full((3, 3), 0.5) + 0.5 * np.eye(3)).T
    means = np.zeros((count + 30, 3))
    for week in range(1, count + 30):
        means[week] = given.alike * means[week - 1] + np.sqrt(1.0 - given.alike**2) * steps[week]
    number = np.arange(count)[:, None]
    return given.effect * means[30:] + given.trend * number + given.season * np.sin(2.0 * np.pi * number / 13.0)


def _columns(random: np.random.Generator, given: Weeks, means: NDArray[np.float64]) -> Columns:
    numbers = means + random.normal(size=means.shape) @ np.linalg.cholesky(np.full((3, 3), 0.6) + 0.4 * np.eye(3)).T
    place = np.clip(numbers[:, 0] + random.normal(size=len(numbers)) + 3.0, 0, len(CITIES) - 1).astype(int)
    age = np.where(random.random(len(numbers)) < 0.1, np.nan, numbers[:, 2])
    found: Columns = {"income": numbers[:, 0], "debt": numbers[:, 1], "age": age, "city": CITIES[place]}
    if given.scored:
        probability = 1.0 / (1.0 + np.exp(-2.0 * (numbers[:, 0] - means[:, 0])))
        found["left"] = np.where(random.random(len(numbers)) < probability, "yes", "no").astype(object)
        found["prediction"] = probability
        late = np.arange(len(numbers)) >= given.reference * given.rows
        found["left"][late & (random.random(len(numbers)) < given.unlabelled)] = None
    return found
