"""Searches that stop trials between folds beside searches on all folds, and beside others' ways to search with Keras.

Three tables that are made from numbers, five seeds each: trainings of a trial on a fold as a share of all that there
could be, and the best score beside the best of the search on all folds. Then whole processes, from their imports to the
result, on one of the tables: `tune_hyperparameters`, OptunaSearchCV around a Keras model, and an Optuna study that
calls Keras' `fit` for one trial and one fold after the other. OptunaSearchCV gets an environment of its own in the
user's cache.
"""

import json
import os
import platform
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from processes import CONTENDERS, peer_interpreter, ran

from foldline_pipelines.local import environments

TABLES = ("friedman", "digits", "classes")
SEEDS, TRIALS, EPOCHS = 5, 24, 15
TIMED_TRIALS = 12
SHARE_BAR = 0.6
HERE = Path(__file__).parent
PEER = HERE / "peers" / "optuna_search_cv.py"
RESULTS = HERE / "results" / "search.json"
PEER_PACKAGES = ("optuna-integration==5.0.0", "pandas")
SAME_PACKAGES = ("optuna", "keras", "jax", "scikit-learn")
WRITE = """
import sys
from pathlib import Path
import numpy as np
from search_tables import TABLES, write
folder = Path(sys.argv[1])
write(folder, "friedman")
table = TABLES["friedman"]()
features = np.column_stack([table[name] for name in table.column_names if name != "label"])
np.savez(folder / "rows.npz", features=features, label=np.asarray(table["label"]))
print("{}")
"""
VERSIONS = """
import json, sys
from importlib.metadata import version
print(json.dumps({name: version(name) for name in sys.argv[1:]}))
"""


def versions_of(python: Path) -> dict[str, str]:
    """Versions of what OptunaSearchCV's environment has too."""
    found: dict[str, str] = ran(python, VERSIONS, *SAME_PACKAGES)
    return found


def timed(python: Path, script: Path, *given: Any) -> dict[str, Any]:
    """What a whole process found, and its seconds."""
    began = time.monotonic()
    found = ran(python, str(script), *given)
    assert isinstance(found, dict)
    return {**found, "seconds": round(time.monotonic() - began, 1)}


def rules(python: Path, folder: Path, seeds: int) -> dict[str, Any]:
    """Share of fold-fits and loss of the best score by table."""
    found = {}
    for name in TABLES:
        runs = ran(python, str(CONTENDERS / "search_rungs.py"), folder / name, name, seeds, TRIALS, EPOCHS)
        assert isinstance(runs, list)
        shares = [one["halving"]["fold_fits"] / one["exhaustive"]["fold_fits"] for one in runs]
        errors = [one["loss"] / one["exhaustive"]["standard_error"] for one in runs]
        found[name] = {
            "share_of_fold_fits": round(statistics.fmean(shares), 3),
            "loss_in_standard_errors": [round(error, 2) for error in errors],
            "within_one_standard_error": sum(error <= 1.0 for error in errors),
            "runs": runs,
        }
        near = f"{found[name]['within_one_standard_error']} of {seeds} within one standard error"
        print(f"{name}: {found[name]['share_of_fold_fits']:.0%} of the fold-fits, best score {near}", flush=True)
    return found


def main() -> None:
    """Measure, print, and write the figures to JSON."""
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else SEEDS
    environments.make(["trainer"], extra=[], say=print)
    python = environments.interpreter("trainer")
    same = versions_of(python)
    wanted = [*PEER_PACKAGES, *(f"{name}=={version}" for name, version in same.items())]
    peer = peer_interpreter(f"optuna-search-cv-{same['optuna']}-keras-{same['keras']}", python, wanted)
    busy = round(os.getloadavg()[0], 1)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        tables = rules(python, folder, seeds)
        ran(python, WRITE, folder / "timed")
        rows, given = folder / "timed" / "rows.npz", (TIMED_TRIALS, EPOCHS)
        whole = {
            "foldline": timed(python, CONTENDERS / "search_whole.py", folder / "timed", *given),
            "OptunaSearchCV": timed(peer, PEER, rows, *given, CONTENDERS),
            "Keras, one by one": timed(python, CONTENDERS / "search_keras.py", rows, *given),
        }
    share = statistics.fmean(one["share_of_fold_fits"] for one in tables.values())
    ratios = {name: round(one["seconds"] / whole["foldline"]["seconds"], 2) for name, one in whole.items()}
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    figures = {
        "machine": machine,
        "load_average_before": busy,
        "trials": TRIALS,
        "epochs": EPOCHS,
        "seeds": seeds,
        "share_of_fold_fits": round(share, 3),
        "bar": SHARE_BAR,
        "tables": tables,
        "whole_processes": {"trials": TIMED_TRIALS, **whole, "times_as_long": ratios},
    }
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(figures, indent=2) + "\n")
    print(f"{share:.0%} of the fold-fits on the average (bar {SHARE_BAR:.0%})")
    for name, one in whole.items():
        print(f"{name}: {one['seconds']:.0f} s, {one['fits']} fits, {ratios[name]:.1f} times as long")
    print(f"{machine}; figures in {RESULTS.relative_to(HERE.parent)}")


if __name__ == "__main__":
    main()
