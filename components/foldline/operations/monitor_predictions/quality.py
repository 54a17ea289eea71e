"""Whether predictions are worse than the reference's own periods explain: as estimated, and with labels."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from foldline.artifacts import Task
from foldline.evaluation.per_row import Array
from foldline.operations.monitor_predictions.bias import differences
from foldline.operations.monitor_predictions.estimated import Estimator, real
from foldline.operations.monitor_predictions.findings import ESTIMATE, LABELS, Family
from foldline.operations.monitor_predictions.natural import Floats
from foldline.operations.monitor_predictions.policy import Policy
from foldline.operations.monitor_predictions.series import EITHER, FALL, RISE, Kind, Period, judge_series

SEED = 0


@dataclass(frozen=True)
class Rows:
    """Rows with predictions.

    Attributes:
        period: of each, -1 of rows outside; shape (n_rows,).
        periods: their number.
        label: shape (n_rows,), float64: index of the class, or the value; NaN where it did not come yet.
        prediction: shape (n_rows, task.outputs), finite.
    """

    period: NDArray[np.int64]
    periods: int
    label: Floats
    prediction: Array

    def of(self, period: int) -> "Rows":
        """Those of one period."""
        return self.where(self.period == period)

    def where(self, chosen: NDArray[np.bool_]) -> "Rows":
        return Rows(self.period[chosen], self.periods, self.label[chosen], self.prediction[chosen])

    @property
    def labelled(self) -> "Rows":
        """Those whose label came."""
        return self.where(np.isfinite(self.label))

    @property
    def counts(self) -> NDArray[np.int64]:
        """Rows of each period; shape (periods,)."""
        return np.bincount(self.period[self.period >= 0], minlength=self.periods).astype(np.int64)


def judge_estimate(estimator: Estimator, reference: Rows, seen: Rows, lag: int, policy: Policy) -> Family:
    """Whether the metrics to be expected are worse.

    Args:
        lag: periods from the reference's last to the newest of `seen`, at least 1.
    """
    kinds = (
        Kind("roc_auc", FALL, False, policy.area_floor),
        Kind("log_loss", RISE, True, 1.0 + policy.loss_floor),
    )

    def figures(rows: Rows) -> list[float]:
        found = estimator.value(rows.prediction)
        return [found[kind.name] for kind in kinds]

    return _judge(ESTIMATE, kinds, figures, reference, seen, lag, policy)


def judge_labels(task: Task, reference: Rows, seen: Rows, lag: int, policy: Policy) -> Family:
    """Whether the metrics of labelled rows are worse, or what is predicted differs more from what happens.

    Args:
        lag: as in `judge_estimate`.
    """
    names, *_ = differences(task, np.zeros(1), np.zeros((1, task.outputs)))
    losses = (
        (Kind("roc_auc", FALL, False, policy.area_floor), Kind("log_loss", RISE, True, 1.0 + policy.loss_floor))
        if task.is_classification
        else (Kind("rmse", RISE, True, 1.0 + policy.loss_floor),)
    )
    spread = float(np.nanstd(reference.label)) if not task.is_classification else 1.0
    kinds = (*losses, *(Kind(f"bias/{name}", EITHER, False, policy.share_floor * spread) for name in names))

    def figures(rows: Rows) -> list[float]:
        _, said, truth = differences(task, rows.label, rows.prediction)
        off = said - truth
        if task.is_classification:
            found = real(task, rows.label, rows.prediction)
            return [found["roc_auc"], found["log_loss"], *off.mean(axis=0).tolist()]
        return [float(np.sqrt((off**2).mean())), float(off.mean())]

    return _judge(LABELS, kinds, figures, reference.labelled, seen.labelled, lag, policy, spread)


def _judge(
    name: str,
    kinds: tuple[Kind, ...],
    figures: Callable[[Rows], list[float]],
    reference: Rows,
    seen: Rows,
    lag: int,
    policy: Policy,
    spread: float = 1.0,
) -> Family:
    full = np.flatnonzero(seen.counts >= policy.minimum_rows)[-policy.of_periods :]
    random = np.random.default_rng(SEED)
    newest = []
    for period in full:
        own = seen.of(period)
        rows = len(own.label)
        earlier = [_thinned(reference.of(one), rows, policy, random) for one in range(reference.periods)]
        newest.append(
            Period(
                values=np.array(figures(own)),
                earlier=np.array([figures(some) if some is not None else [np.nan] * len(kinds) for some in earlier]),
                lag=lag - (seen.periods - 1 - int(period)),
                resolution=np.array([0.5 / np.sqrt(rows) * (1.0 if kind.is_ratio else spread) for kind in kinds]),
            )
        )
    return judge_series(name, kinds, newest, policy)


def _thinned(rows: Rows, count: int, policy: Policy, random: np.random.Generator) -> Rows | None:
    """As many rows as the judged period has, so that both are as noisy; None where there are too few."""
    own = len(rows.label)
    if own < policy.minimum_rows:
        return None
    if own <= count:
        return rows
    return rows.where(np.isin(np.arange(own), random.choice(own, count, replace=False)))
