"""The real weeks after a reference, judged by foldline and by a test of each column; prints JSON.

Arguments: the folder of the data, and a folder for the reference and its quiet weeks as Parquet, for other tools.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from drift_tests import alarmed
from drift_weeks import CALENDAR, TIME, parts, quiet_weeks, tables, with_rows

from foldline.data.detect_drift.judge import judge_series
from foldline.data.detect_drift.observed import Observed
from foldline.data.detect_drift.policy import Policy

REFERENCES = (39, 26)
SHIFT, ROWS = 5, 5000
# A week of the weather has 504 rows, or some fewer where stations were silent.
POLICIES = {"flights": Policy(), "weather": Policy(minimum_rows=450)}
NO_VALUES = ("row_id", TIME, *CALENDAR)


def series(name: str, table: pa.Table, flights: pa.Table, reference: int) -> dict[str, Any]:
    """Each week, as foldline and as tests of each column see it."""
    known, later, week = parts(table, reference)
    found = judge_series(known, later, every="7d", policy=POLICIES[name])
    quiet = quiet_weeks(flights, np.asarray(known.table[TIME]).max() - np.timedelta64(4, "h") + np.timedelta64(1, "h"))
    columns = [column for column in table.column_names if column not in NO_VALUES]
    weeks = []
    for number, window in enumerate(found.windows):
        rows = later.table.filter(pa.array(week == number))
        tested = alarmed(known.table, rows, NO_VALUES)
        weeks.append(
            {
                "start": window.start,
                "rows": window.rows,
                "quiet": quiet[number],
                "state": window.state,
                "p": window.p,
                "alarms": [member.name for member in window.alarms],
                "columns_by_test": tested,
            }
        )
    return {
        "reference_weeks": reference,
        "columns": len(columns),
        "excluded": {one.column: one.reason for one in found.excluded},
        "weeks": weeks,
    }


def power(table: pa.Table) -> dict[str, Any]:
    """Weeks, each by itself cut to 5 000 rows, with 5 minutes more of dep_delay: in how many that column alarms."""
    known, later, week = parts(table, 39)
    found = [_shifted_alarms(known, later, week == number) for number in range(int(week.max()) + 1)]
    judged = [one for one in found if one is not None]
    return {"windows": len(judged), "found": sum("dep_delay" in one for one in judged)}


def _shifted_alarms(known: Observed, later: Observed, chosen: np.ndarray) -> list[str] | None:
    rows = later.table.filter(pa.array(chosen))
    kept = np.sort(np.random.default_rng(0).permutation(len(rows))[:ROWS])
    # The first and the last row keep the window whole.
    ends = pc.sort_indices(rows[TIME]).to_numpy()[[0, -1]].astype(np.int64)
    kept = np.unique(np.concatenate([kept, ends]))
    rows = rows.take(pa.array(kept))
    place = rows.schema.get_field_index("dep_delay")
    shifted = rows.set_column(place, "dep_delay", pc.add(rows["dep_delay"], SHIFT))
    found = judge_series(known, with_rows(later, shifted), every="7d", policy=Policy())
    newest = found.newest_judged
    return None if newest is None else [member.name for member in newest.alarms]


def write(folder: Path, table: pa.Table, flights: pa.Table) -> None:
    """The reference of 39 weeks, and the quiet weeks after it."""
    known, later, week = parts(table, 39)
    folder.mkdir(parents=True)
    pq.write_table(known.table.drop(list(NO_VALUES)), folder / "reference.parquet")
    for number, quiet in enumerate(quiet_weeks(flights, np.datetime64("2013-10-01"))):
        if quiet:
            rows = later.table.filter(pa.array(week == number)).drop(list(NO_VALUES))
            pq.write_table(rows, folder / f"week-{number:02}.parquet")


def main() -> None:
    data, scratch = Path(sys.argv[1]), Path(sys.argv[2])
    found = tables(data)
    result: dict[str, Any] = {
        name: [series(name, table, found["flights"], weeks) for weeks in REFERENCES] for name, table in found.items()
    }
    for name, table in found.items():
        write(scratch / name, table, found["flights"])
    result["power"] = power(found["flights"])
    print(json.dumps(result))


if __name__ == "__main__":
    main()
