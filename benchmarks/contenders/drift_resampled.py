"""Years put together from blocks of real weeks: how often a quiet window alarms, and how often a shift is found.

A year is 39 weeks of reference and one window, blocks of four successive weeks drawn with replacement, and the rows of
a week are drawn with replacement too. Shares of every week are counted once, so that a year costs milliseconds; the
domain classifier, which needs the rows, is left out, and so is the bin of unseen categories, of which there are none.

Arguments: the folder of the data, the number of years; prints JSON.
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from drift_tests import ALPHA, p_chi_square, p_kolmogorov
from drift_weeks import CALENDAR, TIME, parts, tables

from foldline.data.detect_drift import family
from foldline.data.detect_drift.columns import MOST_CATEGORIES, numeric_codes, quantile_edges
from foldline.data.detect_drift.distances import difference_of_roots, divergence, shares
from foldline.data.detect_drift.periods import Pairs, pairs_of
from foldline.data.detect_drift.policy import Policy
from foldline.step_down import adjusted

REFERENCE, BLOCK, SHIFT = 39, 4, 5
ROWS = {"flights": 5000, "weather": 500}
SHIFTED = "dep_delay"


@dataclass(frozen=True)
class Counted:
    """A column by week.

    Attributes:
        fine: counts of each value, missing last; shape (n_weeks, n_values + 1).
        bins: bin of each value and of missing; shape (n_values + 1,).
        shifted: the same with the shift.
        width: number of bins.
    """

    name: str
    numeric: bool
    fine: np.ndarray
    bins: np.ndarray
    shifted: np.ndarray
    width: int

    def binned(self, fine: np.ndarray, *, shifted: bool = False) -> np.ndarray:
        found = np.zeros((len(fine), self.width), dtype=np.int64)
        np.add.at(found.T, self.shifted if shifted else self.bins, fine.T)
        return found


def counted(name: str, values: pa.ChunkedArray, week: np.ndarray, weeks: int) -> Counted:
    """A column's counts, with bins from the whole year."""
    there = np.asarray(values.is_valid())
    known = np.asarray(values.drop_null())
    numeric = not pa.types.is_string(values.type)
    different, codes = np.unique(known.astype(np.float64 if numeric else str), return_inverse=True)
    all_codes = np.full(len(values), len(different))
    all_codes[there] = codes
    fine = np.zeros((weeks, len(different) + 1), dtype=np.int64)
    np.add.at(fine, (week, all_codes), 1)
    if numeric:
        edges = quantile_edges(known.astype(np.float64))
        missing = len(edges) + 1
        bins, shifted = (np.append(numeric_codes(different + step, edges), missing) for step in (0, SHIFT))
        return Counted(name, True, fine, bins, shifted, missing + 1)
    order = np.argsort(-fine[:, :-1].sum(axis=0), kind="stable")[:MOST_CATEGORIES]
    bins = np.full(len(different) + 1, len(order))
    bins[order] = np.arange(len(order))
    bins[-1] = len(order) + 1
    return Counted(name, False, fine, bins, bins, len(order) + 2)


def year(random: np.random.Generator, weeks: int) -> np.ndarray:
    """Numbers of the weeks of one year."""
    starts = random.integers(0, weeks - BLOCK + 1, size=REFERENCE // BLOCK + 1)
    return (starts[:, None] + np.arange(BLOCK)).ravel()[: REFERENCE + 1]


def judged(random: np.random.Generator, columns: list[Counted], pairs: Pairs, rows: int) -> dict[str, bool]:
    """Whether the year's window alarms: without and with the shift, and by a test of each column."""
    chosen = year(random, len(columns[0].fine))
    first = np.array([begin for begin, _ in pairs.slices()])
    statistics, effects = [], []
    by_test = False
    for column in columns:
        fine = column.fine[chosen]
        coarse = column.binned(fine)
        nulls = random.multinomial(rows, shares(coarse[pairs.periods[:-1]]))
        window = random.multinomial(rows, shares(fine[-1:]))
        total = np.concatenate([np.zeros((1, column.width), dtype=np.int64), np.cumsum(coarse[:-1], axis=0)])
        before = shares(total[first + pairs.length] - total[first])
        both = []
        for shifted in (False, column.name == SHIFTED):
            now = shares(np.concatenate([nulls, column.binned(window, shifted=shifted)]))
            moved = family.deviation(difference_of_roots(now, before), pairs.periods, rows)
            both.append((moved, divergence(now, before)))
        statistics.append([moved for moved, _ in both])
        effects.append([apart for _, apart in both])
        test = p_kolmogorov if column.numeric else p_chi_square
        by_test |= test(np.stack([fine[:-1].sum(axis=0)[:-1], window[0][:-1]])) < ALPHA
    policy, count = Policy(), len(pairs.periods)
    least = np.full(len(columns), family.deviation_noise(count))
    floors = np.full(len(columns), policy.divergence_floor)
    p = []
    for place in (0, 1):
        scores = family.standardised(np.stack([one[place] for one in statistics], axis=1), least)
        apart = np.stack([one[place] for one in effects], axis=1)
        p.append(adjusted(family.material(scores, apart, floors), policy.alpha)[0])
    named = [column.name for column in columns]
    return {
        "alarm": bool(p[0].min() <= policy.alpha),
        "found": SHIFTED in named and bool(p[1][named.index(SHIFTED)] <= policy.alpha),
        "by_test": by_test,
    }


def main() -> None:
    data, years = Path(sys.argv[1]), int(sys.argv[2])
    pairs = pairs_of(1, REFERENCE, range(REFERENCE))
    assert pairs is not None
    result: dict[str, Any] = {}
    for name, table in tables(data).items():
        known, later, _ = parts(table, REFERENCE)
        times = np.concatenate([np.asarray(one.table[TIME]) for one in (known, later)])
        number = (times - np.asarray(later.table[TIME]).min()) // np.timedelta64(7, "D") + REFERENCE
        inside = (number >= 0) & (number < 52)
        whole = pa.concat_tables([known.table, later.table]).filter(pa.array(inside))
        columns = [
            counted(column, whole[column], number[inside], 52)
            for column in whole.column_names
            if column not in ("row_id", TIME, *CALENDAR)
        ]
        random = np.random.default_rng(0)
        found = [judged(random, columns, pairs, ROWS[name]) for _ in range(years)]
        result[name] = {"years": years, "rows": ROWS[name], "columns": len(columns), "pairs": pairs.nulls}
        result[name] |= {key: sum(one[key] for one in found) for key in ("alarm", "found", "by_test")}
    print(json.dumps(result))


if __name__ == "__main__":
    main()
