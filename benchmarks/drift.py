"""False alarms over quiet weeks, and power, beside tests of each column and evidently's default rules.

Flights and weather of New York in 2013, week by week. Which weeks are quiet is settled by a rule before anything is
judged: no federal holiday, and no day with 5 % of its flights cancelled. What a shift of five minutes in dep_delay does
is tried in windows of 5 000 rows. A year has few weeks, so both rates are measured over 1 000 years of resampled blocks
too, these without the domain classifier, which needs the rows.
evidently gets an environment of its own in the user's cache.
"""

import json
import os
import platform
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from processes import CONTENDERS, peer_interpreter, ran

from foldline_pipelines.examples.flights.data import flights
from foldline_pipelines.local import environments

YEARS = 1000
HERE = Path(__file__).parent
PEER = HERE / "peers" / "evidently_weeks.py"
RESULTS = HERE / "results" / "drift.json"
# evidently 0.7 does not import beside pandas 3.
PEER_PACKAGES = ("evidently==0.7.23", "pandas==2.3.3", "pyarrow==26.0.1")
INTERVAL = """
import json, sys
from scipy.stats import binomtest
pairs = json.loads(sys.argv[1])
print(json.dumps([[*binomtest(hits, tries).proportion_ci(0.95)] if tries else [0, 1] for hits, tries in pairs]))
"""


def counted(real: dict[str, Any], resampled: dict[str, Any], peers: dict[str, list[Any]]) -> dict[str, tuple[int, int]]:
    """Alarms and windows of each rule, by a name for people."""
    found: dict[str, tuple[int, int]] = {}
    for name in ("flights", "weather"):
        for series in real[name]:
            quiet = [week for week in series["weeks"] if week["quiet"] and week["p"] is not None]
            title = f"{name}, quiet weeks after {series['reference_weeks']}"
            found[f"{title}: foldline, a window alarms"] = (sum(bool(week["alarms"]) for week in quiet), len(quiet))
            found[f"{title}: foldline, drift (2 of 3)"] = (sum(week["state"] == "drift" for week in quiet), len(quiet))
            found[f"{title}: KS, chi-square p < 0.05, any column"] = (
                sum(bool(week["columns_by_test"]) for week in quiet),
                len(quiet),
            )
            found[f"{title}: KS, chi-square p < 0.05, by column"] = (
                sum(len(week["columns_by_test"]) for week in quiet),
                len(quiet) * series["columns"],
            )
        weeks = peers[name]
        title = f"{name}, quiet weeks after 39"
        found[f"{title}: evidently, any column"] = (sum(week["columns"] > 0 for week in weeks), len(weeks))
        found[f"{title}: evidently, half of the columns"] = (sum(week["dataset"] for week in weeks), len(weeks))
        years = resampled[name]
        title = f"{name}, resampled"
        found[f"{title}: foldline, a window alarms"] = (years["alarm"], years["years"])
        found[f"{title}: KS, chi-square p < 0.05, any column"] = (years["by_test"], years["years"])
    found["dep_delay + 5 minutes, real weeks: foldline finds it"] = (real["power"]["found"], real["power"]["windows"])
    years = resampled["flights"]
    found["dep_delay + 5 minutes, resampled: foldline finds it"] = (years["found"], years["years"])
    return found


def main() -> None:
    """Measure, print, and write the figures to JSON."""
    years = int(sys.argv[1]) if len(sys.argv) > 1 else YEARS
    environments.make(["trainer", "flights"], extra=[], say=print)
    python = environments.interpreter("trainer")
    peer = peer_interpreter(PEER_PACKAGES[0].replace("==", "-"), python, PEER_PACKAGES)
    busy, began = round(os.getloadavg()[0], 1), time.monotonic()
    with tempfile.TemporaryDirectory() as scratch:
        real = ran(python, str(CONTENDERS / "drift_real.py"), flights().parent, scratch)
        peers = {name: ran(peer, str(PEER), Path(scratch) / name) for name in ("flights", "weather")}
    resampled = ran(python, str(CONTENDERS / "drift_resampled.py"), flights().parent, years)
    rates = counted(real, resampled, peers)
    intervals = ran(python, INTERVAL, json.dumps(list(rates.values())))
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    table = {
        name: {"alarms": hits, "of": tries, "interval_95": [round(end, 3) for end in ends]}
        for (name, (hits, tries)), ends in zip(rates.items(), intervals, strict=True)
    }
    figures = {
        "machine": machine,
        "load_average_before": busy,
        "seconds": round(time.monotonic() - began),
        "peer": PEER_PACKAGES[0],
        "rates": table,
        "real": real,
        "resampled": resampled,
        "evidently": peers,
    }
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(figures, indent=2) + "\n")
    for name, rate in table.items():
        share = rate["alarms"] / rate["of"] if rate["of"] else 0.0
        low, high = rate["interval_95"]
        print(f"{name:75}{rate['alarms']:5} of {rate['of']:<5}{share:7.1%}  ({low:.1%} to {high:.1%})")
    print("resampled: without the domain classifier, which needs the rows, and without unseen categories")
    print(f"{machine}, {figures['seconds']} s; figures in {RESULTS.relative_to(HERE.parent)}")


if __name__ == "__main__":
    main()
