"""Searches as engines leave them: a definition, and trials with the scores of their folds."""

import math
from typing import Any

import numpy as np

from foldline.training.search.definition import Definition
from foldline.training.search.trial import ABANDONED, COMPLETED, FAILED, STOPPED, TrialRecord

SPACE = {
    "learning_rate": {"type": "float", "low": 1e-4, "high": 0.1, "log": True},
    "dropout": {"type": "float", "low": 0.0, "high": 0.5, "step": 0.1},
    "width": {"type": "int", "low": 16, "high": 256, "log": True},
    "hidden_units": {"type": "choice", "values": [[64, 64], [128], [32]]},
    "fitting.optimizer.name": {"type": "choice", "values": ["adam", "adamw"]},
    "fitting.optimizer.weight_decay": {
        "type": "float", "low": 1e-5, "high": 0.1, "log": True,
        "when": {"parameter": "fitting.optimizer.name", "in": ["adamw"]},
    },
}  # fmt: skip
FOLDS = (0, 1, 2, 3, 4)


def definition(**fields: Any) -> Definition:
    """A search for the best `roc_auc` in a space of each kind of parameter, with `fields` of its document changed."""
    return Definition.parse({"space": SPACE, "objective": {"metric": "roc_auc"}} | fields)


def trial(number: int, values: list[float], **fields: Any) -> TrialRecord:
    """A trial with the values of its folds, completed where nothing else is said."""
    told = {"parameters": {"width": 16 + number}, "state": COMPLETED, "seconds": 1.0 * len(values)} | fields
    return TrialRecord(number=number, fold_values=dict(enumerate(values)), **told)


def realistic(trials: int = 40, seed: int = 0) -> list[TrialRecord]:
    """Trials of the space above: the learning rate decides, the width helps a little, halving stops half after each of
    the first folds, and some fail."""
    random = np.random.default_rng(seed)
    fold_effect = random.normal(0.0, 0.01, len(FOLDS))
    found = []
    for number in range(trials):
        point: dict[str, Any] = {
            "learning_rate": float(10 ** random.uniform(-4, -1)),
            "dropout": float(round(random.integers(0, 6) * 0.1, 1)),
            "width": int(2 ** random.uniform(4, 8)),
            "hidden_units": [[64, 64], [128], [32]][random.integers(0, 3)],
            "fitting.optimizer.name": ["adam", "adamw"][random.integers(0, 2)],
        }
        if point["fitting.optimizer.name"] == "adamw":
            point["fitting.optimizer.weight_decay"] = float(10 ** random.uniform(-5, -1))
        skill = 0.78 - 0.04 * (math.log10(point["learning_rate"]) + 2.5) ** 2 + 0.01 * math.log2(point["width"] / 64)
        values = skill + fold_effect + random.normal(0.0, 0.005, len(FOLDS))
        state, failure, message = COMPLETED, "", ""
        folds = len(FOLDS)
        if number % 13 == 5:
            state, failure, folds = FAILED, ["out_of_memory", "not_finite", "time_out"][number % 3], number % 2
            message = {
                "out_of_memory": "RESOURCE_EXHAUSTED: Out of memory while trying to allocate 9663676416 bytes."
            }.get(failure, "The loss of fold 0 is nan after epoch 3.")
        elif skill < 0.76:
            state, folds = STOPPED, 1 if skill < 0.72 else 2
        elif number == trials - 1:
            state, folds = ABANDONED, 3
        found.append(
            TrialRecord(
                number=number,
                parameters=point,
                state=state,
                fold_values={fold: float(values[fold]) for fold in range(folds)},
                kept_epochs={fold: int(random.integers(5, 30)) for fold in range(folds)},
                seconds=1.7 * folds + 0.1,
                began=f"2026-01-01T10:{number:02d}:00+00:00",
                ended=f"2026-01-01T10:{number:02d}:50+00:00",
                failure=failure,
                message=message,
                where="worker 0",
                other_values={"parameters": {fold: float(point["width"] * 70 + 1) for fold in range(folds)}},
            )
        )
    return found
