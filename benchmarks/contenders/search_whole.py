"""`tune_hyperparameters` as a task runs it: folder with the artifacts, trials, epochs."""

import json
import sys
from pathlib import Path

from search_model import BATCH, CODE, SPACE

from foldline.artifacts.search import Search
from foldline.training.tune_hyperparameters.run import run

folder, trials, epochs = sys.argv[1:]
budget = {"trials": int(trials), "parallel_trials": min(8, int(trials))}
run(
    **{f"{part}_path": str(Path(folder) / part) for part in ("dataset", "folds", "transform")},
    search_path=str(Path(folder) / "search"),
    report_path=str(Path(folder) / "search.html"),
    tuned_path=str(Path(folder) / "tuned.json"),
    definition={"space": SPACE, "budget": budget},
    model="",
    model_code=CODE,
    hyperparameters={},
    epochs=int(epochs),
    batch_size=BATCH,
    learning_rate=0.001,
    patience=3,
    seed=0,
    fitting={},
    checkpoint_uri="",
    log_metric=lambda name, value: None,
    describe=lambda figures: None,
)
found = Search.read(Path(folder) / "search")
print(json.dumps({"best": found.best["mean"], "fits": found.fold_fits}))
