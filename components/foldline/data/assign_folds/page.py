"""The report of a fold assignment: hold-out, and rows of each class, or mean of the label, in each fold."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from foldline.artifacts.folds import FORWARD, Assignment, Folds
from foldline.report import Cell, Page, number

MOST_CLASSES = 20


def folds_page(
    folds: Folds,
    assignment: Assignment,
    encoded: NDArray[np.float32],
    groups: NDArray[np.int64] | None,
    warnings: Sequence[str],
) -> Page:
    """The page.

    Args:
        encoded: shape (n_rows,): index of the class, or the label's value.
        groups: shape (n_rows,): index of the row's group, where groups stay together.
    """
    page = Page("Folds", f"{folds.task.kind}, label {folds.label}, strategy {folds.strategy}")
    for warning in warnings:
        page.text(warning, "warn")
    page.figures(folds.summary() | {"seed": folds.seed})
    page.heading("Hold-out")
    page.figures(dict(folds.hold_out))
    page.heading("Balance")
    fold_numbers = sorted(set(np.unique(assignment.fold[:, ~assignment.test]).tolist()))
    parts = [(str(fold), assignment.validation_rows(fold)) for fold in fold_numbers]
    parts += [("test", assignment.test), ("all", np.ones(len(encoded), dtype=bool))]
    shown = folds.task.classes[:MOST_CLASSES]
    counted = ["groups"] if groups is not None else []
    statistics = list(shown) if folds.task.is_classification else ["mean", "standard deviation"]
    rows: list[list[Cell]] = []
    for name, chosen in parts:
        row: list[Cell] = [name, int(chosen.sum())]
        if groups is not None:
            row.append(len(np.unique(groups[chosen])))
        values = encoded[chosen]
        if folds.task.is_classification:
            counts = np.bincount(values.astype(np.int64), minlength=len(folds.task.classes))
            row += [f"{number(int(count))} ({count / max(len(values), 1):.2%})" for count in counts[: len(shown)]]
        else:
            row += [float(values.mean()), float(values.std())] if len(values) else [None, None]
        rows.append(row)
    page.table(["fold", "rows", *counted, *statistics], rows)
    if folds.strategy == FORWARD:
        page.text("Fold 0 is only trained on; each later fold is predicted from the folds before it.")
    return page
