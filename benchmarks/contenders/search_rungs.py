"""Searches of one table, with the default rule between folds and without: folder, table, seeds, trials, epochs."""

import json
import os
import statistics
import sys
import time
from pathlib import Path
from typing import Any

from search_model import BATCH, CODE, SPACE
from search_tables import FOLDS, write

from foldline.training.search import choice
from foldline.training.search.capabilities import OPTUNA, check
from foldline.training.search.definition import Definition
from foldline.training.search.settings import Settings
from foldline.training.tune_hyperparameters.ending import Ending
from foldline.training.tune_hyperparameters.journal import State
from foldline.training.tune_hyperparameters.pool import Pool, slots_of
from foldline.training.tune_hyperparameters.rungs import Rungs
from foldline.training.tune_hyperparameters.study import Study

folder, name, seeds, trials, epochs = sys.argv[1:]
BASE = Settings(epochs=int(epochs), batch_size=BATCH, patience=3)
FOLDER = Path(folder)
RULES = ("auto", "none")


def defined(seed: int, rule: str, task: Any) -> Definition:
    budget = {"trials": int(trials), "parallel_trials": min(8, int(trials))}
    document = {"space": SPACE, "budget": budget, "seed": seed, "stopping": {"rule": rule}}
    return check(Definition.parse(document, task), OPTUNA)


def searched(pool: Pool, definition: Definition) -> dict[str, Any]:
    state = State(str(FOLDER), f"{definition.seed}-{definition.stopping.rule}", {})
    began = time.monotonic()
    study = Study(state, definition, range(FOLDS))
    with Ending(0.0, 0.0) as ending:
        rungs = Rungs(study, pool, BASE, ending, lambda: None, lambda line: None)
        rungs.run()
    state.close()
    best = choice.usable(study.records(), definition)[0]
    values = list(best.fold_values.values())
    return {
        "fold_fits": rungs.fold_fits,
        "best": best.value(definition),
        "standard_error": statistics.stdev(values) / len(values) ** 0.5,
        "seconds": time.monotonic() - began,
    }


folds = write(FOLDER, name)
opening = {
    **{part: str(FOLDER / part) for part in ("dataset", "folds", "transform")},
    "definition": defined(0, "auto", folds.task).to_json(),
    "base": BASE.to_json(),
    "model": "",
    "model_code": CODE,
    "seed": 0,
}
found = []
pool = Pool(slots_of(os.environ, 8), opening)
for seed in range(int(seeds)):
    halved, whole = (searched(pool, defined(seed, rule, folds.task)) for rule in RULES)
    sign = defined(seed, "auto", folds.task).objective.sign
    found.append(
        {"seed": seed, "halving": halved, "exhaustive": whole, "loss": sign * (whole["best"] - halved["best"])}
    )
    print(name, json.dumps(found[-1]), file=sys.stderr, flush=True)
pool.close()
print(json.dumps(found))
