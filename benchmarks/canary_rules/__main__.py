"""python benchmarks/canary_rules RESULTS: simulate, print a table, write the figures to RESULTS."""

import json
import sys
import time
from pathlib import Path
from typing import Any

import judge
import numpy as np
from drift import drift
from rules import INTERVAL, Flagger, Foldline, Kayenta, RepeatedTest
from traffic import REQUESTS, SHARE, WINDOWS, Scenario, windows

RUNS = 1000
SEED = 1
SCENARIOS = (
    Scenario("equal, no errors", 0.0, 0.0),
    Scenario("equal, 0.5 % errors", 0.005, 0.005),
    Scenario("equal, 5 % errors", 0.05, 0.05),
    Scenario("equal, 0.5 %, a day's ups and downs", 0.005, 0.005, form="day"),
    Scenario("equal, 0.5 %, outages of both", 0.005, 0.005, form="outages"),
    Scenario("equal, 0.5 %, bursts in single pods", 0.005, 0.005, form="pods"),
    Scenario("errors 0.5 % -> 1 %", 0.005, 0.01),
    Scenario("errors 0.5 % -> 2 %", 0.005, 0.02),
    Scenario("errors 0.5 % -> 5 %", 0.005, 0.05),
    Scenario("slow answers 5 % -> 15 %", 0.0, 0.0, slow_challenger=0.15),
)


def simulate(scenario: Scenario) -> dict[str, dict[str, Any]]:
    """Of each rule: shares of the runs that it reverts and promotes, and the challenger's requests until it decides."""
    last = WINDOWS // INTERVAL
    rules = [Foldline(RUNS), Flagger(RUNS, 10), Flagger(RUNS, 1), Kayenta(RUNS, last), RepeatedTest(RUNS, last)]
    reverted, promoted = (np.zeros((len(rules), RUNS), bool) for _ in range(2))
    needed, used = np.full((len(rules), RUNS), np.inf), np.zeros(RUNS)
    for window in windows(scenario, RUNS, SEED):
        used += window.errors[1].trials
        for place, rule in enumerate(rules):
            open_ones = ~(reverted[place] | promoted[place])
            if not open_ones.any():
                continue
            reverts, promotes = rule.look(window)
            reverted[place] |= open_ones & reverts
            promoted[place] |= open_ones & promotes & ~reverts
            needed[place] = np.where(open_ones & (reverts | promotes), used, needed[place])
    return {
        rule.name: {
            "reverted": round(float(reverted[place].mean()), 3),
            "promoted": round(float(promoted[place].mean()), 3),
            "undecided": round(float(1.0 - reverted[place].mean() - promoted[place].mean()), 3),
            "median_challenger_requests": _median(needed[place]),
        }
        for place, rule in enumerate(rules)
    }


def _median(needed: np.ndarray) -> int | None:
    median = float(np.median(needed))
    return int(median) if np.isfinite(median) else None


def main() -> None:
    """All scenarios."""
    started = time.monotonic()
    figures: dict[str, Any] = {
        "runs": RUNS,
        "share": SHARE,
        "requests_per_window": REQUESTS,
        "windows": WINDOWS,
        "windows_per_interval": INTERVAL,
        "scenarios": {},
    }
    for scenario in SCENARIOS:
        found = simulate(scenario)
        figures["scenarios"][scenario.name] = found
        print(scenario.name)
        for name, one in found.items():
            needed = one["median_challenger_requests"]
            print(
                f"  {name:22} reverted {one['reverted']:6.1%}  promoted {one['promoted']:6.1%}  "
                f"median {'-' if needed is None else needed} challenger requests"
            )
    figures["median_requests_by_window_and_gates"] = judge.power(4 * RUNS, SEED)
    figures["wrong_over_60_looks"] = judge.errors(4 * RUNS, SEED)
    figures["drift_over_60_looks"] = drift(RUNS, SEED, (1.5, 2.0, 3.0))
    for name in ("median_requests_by_window_and_gates", "wrong_over_60_looks", "drift_over_60_looks"):
        print(name.replace("_", " "))
        for row, values in figures[name].items():
            print(f"  {row:22} {values}")
    figures["seconds"] = round(time.monotonic() - started)
    Path(sys.argv[1]).write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
