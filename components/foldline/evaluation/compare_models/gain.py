"""How much better one model's predictions are than another's on the same rows, with bounds.

The bounds are about other rows of the same kind, with both models as they are: that a new training of the same code
would give another model is not in them.
"""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from foldline.artifacts import Task
from foldline.errors import ComparisonError
from foldline.evaluation import per_row
from foldline.evaluation.compare_models.delong import areas_and_covariance
from foldline.evaluation.per_row import Array

RESAMPLES = 2000
# The normal approximation of an area under the curve needs some rows of both classes.
LEAST_ROWS_PER_CLASS = 10
_VALUES_PER_BLOCK = 4_000_000


@dataclass(frozen=True)
class Gain:
    """A difference between two models, positive where the challenger is better.

    Attributes:
        unit: what the difference is measured in: `roc_auc`, `log_loss` or `squared_error`.
        method: how the bounds were found.
        challenger, champion: mean of each model in that unit.
        value: the difference.
        lower, upper: one-sided bounds, each at the given confidence.
    """

    unit: str
    method: str
    challenger: float
    champion: float
    value: float
    lower: float
    upper: float


def gain(
    task: Task,
    label: Array,
    challenger: Array,
    champion: Array,
    *,
    confidence: float,
    seed: int,
) -> Gain:
    """The challenger's gain over the champion.

    Binary: difference of the areas under the ROC curve, bounds after DeLong. Multiclass and regression: mean difference
    of log loss or squared error in each row, bounds from a paired bootstrap over rows (percentiles of 2000 resamples).

    Args:
        label: shape (n_rows,).
        challenger, champion: predictions of the same rows; shape (n_rows, task.outputs).
        confidence: of each one-sided bound.
        seed: of the bootstrap.

    Raises:
        ComparisonError: a binary label has fewer than ten rows of a class.
    """
    if task.kind == "binary":
        return _area_gain(task, label, challenger[:, 0], champion[:, 0], confidence)
    if task.kind == "multiclass":
        unit = "log_loss"
        losses = [per_row.log_loss(task, label, prediction) for prediction in (challenger, champion)]
    else:
        unit = "squared_error"
        truth = np.asarray(label, dtype=np.float64)
        losses = [
            (truth - np.asarray(prediction[:, 0], dtype=np.float64)) ** 2 for prediction in (challenger, champion)
        ]
    difference = losses[1] - losses[0]
    lower, upper = bootstrap_bounds(difference, confidence, seed)
    return Gain(
        unit=unit,
        method=f"paired bootstrap over rows, {RESAMPLES} resamples",
        challenger=float(losses[0].mean()),
        champion=float(losses[1].mean()),
        value=float(difference.mean()),
        lower=lower,
        upper=upper,
    )


def bootstrap_bounds(difference: NDArray[np.float64], confidence: float, seed: int) -> tuple[float, float]:
    """One-sided lower and upper bound of the mean of `difference`, shape (n_rows,), by resampling its rows."""
    random = np.random.default_rng(seed)
    rows = len(difference)
    block = max(1, _VALUES_PER_BLOCK // rows)
    means = np.concatenate(
        [
            difference[random.integers(0, rows, size=(min(block, RESAMPLES - start), rows), dtype=np.int32)].mean(
                axis=1
            )
            for start in range(0, RESAMPLES, block)
        ]
    )
    lower, upper = np.quantile(means, [1.0 - confidence, confidence])
    return float(lower), float(upper)


def _area_gain(task: Task, label: Array, challenger: Array, champion: Array, confidence: float) -> Gain:
    positives = int(np.sum(label > 0.5))
    for name, rows in zip(task.classes, (len(label) - positives, positives), strict=True):
        if rows < LEAST_ROWS_PER_CLASS:
            raise ComparisonError(
                "rows that neither model was trained on",
                expected=f"at least {LEAST_ROWS_PER_CLASS} of class {name!r}",
                got=f"{rows} of {len(label)}",
                fix="Hold out more rows (test_fraction).",
            )
    areas, covariance = areas_and_covariance(label, np.stack([challenger, champion]))
    difference = float(areas[0] - areas[1])
    variance = float(covariance[0, 0] + covariance[1, 1] - 2.0 * covariance[0, 1])
    # Rounding can leave a variance of nothing slightly below zero.
    margin = NormalDist().inv_cdf(confidence) * max(variance, 0.0) ** 0.5
    return Gain(
        unit="roc_auc",
        method="DeLong",
        challenger=float(areas[0]),
        champion=float(areas[1]),
        value=difference,
        lower=difference - margin,
        upper=difference + margin,
    )
