"""Training with batches of several sizes: score, time, and which to take."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from foldline.evaluation.metrics import PrimaryMetric, primary_metric, score
from foldline.training.preparation import Preparation

FACTORS = (1.0, 0.25, 0.5, 2.0, 4.0)


@dataclass(frozen=True)
class Batches:
    """What came of one size of the batches.

    Attributes:
        size: rows a step.
        values: the primary metric of each fold.
        seconds: of the fastest epoch of all folds, without compilation.
        epochs: those that were trained, and `kept` the one that was kept.
    """

    size: int
    values: list[float]
    seconds: float
    epochs: int
    kept: int

    @property
    def mean(self) -> float:
        return float(np.mean(self.values))

    @property
    def standard_error(self) -> float:
        return float(np.std(self.values, ddof=1) / np.sqrt(len(self.values)))


def sizes_beside(default: int, smallest: int) -> list[int]:
    """`default` first, then a quarter, half, twice and four times as many, where a fold of `smallest` rows has them."""
    return list(dict.fromkeys(round(default * factor) for factor in FACTORS if 1 <= default * factor <= smallest))


def sweep(prepared: Preparation, say: Callable[[str], None] = print) -> list[Batches]:
    """Train all folds with batches of each size, everything else being as given; the size as given comes first."""
    metric = primary_metric(prepared.task).name
    smallest = min(len(own) for own in prepared.rows.training)
    found = []
    for size in sizes_beside(prepared.batch_size, smallest):
        ends: list[float] = []

        def told(line: str, ends: list[float] = ends) -> None:
            if line.startswith("epoch "):
                ends.append(time.monotonic())

        fitted = replace(prepared, batch_size=size).train(told)
        values = [
            score(
                prepared.task,
                prepared.rows.label[own] * np.float32(scale.sd) + np.float32(scale.mean),
                prediction * np.float32(scale.sd) + np.float32(scale.mean),
            )[metric]
            for own, scale, prediction in zip(
                prepared.rows.validation, prepared.scales, fitted.predictions, strict=True
            )
        ]
        # The first epoch holds the compilation; the others differ by what else the machine does.
        seconds = float(np.diff(ends).min()) if len(ends) > 1 else fitted.seconds
        found.append(Batches(size, values, seconds, len(fitted.training_loss), fitted.epochs))
        say(f"batches of {size} rows: {metric} {found[-1].mean:.5g}, {seconds:.2g} s an epoch")
    return found


def recommended(tried: list[Batches], metric: PrimaryMetric) -> Batches:
    """The one that reaches its kept epoch in the least time, of those whose mean is at most one standard error of the
    paired difference behind the best."""
    sign = 1.0 if metric.larger_is_better else -1.0
    best = max(tried, key=lambda one: sign * one.mean)

    def close(one: Batches) -> bool:
        behind = sign * (np.array(best.values) - np.array(one.values))
        return one is best or bool(behind.mean() <= behind.std(ddof=1) / np.sqrt(len(behind)))

    return min(filter(close, tried), key=lambda one: one.seconds * max(one.kept, 1))
