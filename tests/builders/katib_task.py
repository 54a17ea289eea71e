"""The component `tune_on_katib` as a process of the trainer's environment, as its pod would run it.

    python -m builders.katib_task ARTIFACTS OUTPUTS DOCUMENT

DOCUMENT has `state_uri`, `definition` and `katib`; other arguments are few and fixed.
"""

import json
import sys
from pathlib import Path

from foldline.errors import FoldlineError
from foldline.training.tune_on_katib.run import run


def main(artifacts: Path, outputs: Path, document: Path) -> int:
    given = json.loads(document.read_text())
    try:
        run(
            *(str(artifacts / name) for name in ("dataset", "folds", "transform")),
            *(str(outputs / name) for name in ("search", "search.html", "tuned.json")),
            state_uri=given["state_uri"],
            definition=given["definition"],
            model="",
            model_code=given.get("model_code", ""),
            hyperparameters={"hidden_units": [8]},
            epochs=2,
            batch_size=64,
            learning_rate=0.001,
            patience=2,
            seed=0,
            fitting={},
            katib=given["katib"],
            accelerator_type="nvidia.com/gpu",
            accelerator_count="",
            node_selector={},
            tolerations=[],
            log_metric=lambda name, value: print(f"metric {name}: {value}", flush=True),
            describe=lambda figures: None,
        )
    except FoldlineError as fault:
        print(f"{type(fault).__name__}: {fault}", file=sys.stderr, flush=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:])))
