"""Everything that is known of the watched periods, as values for a decision."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from foldline.artifacts import Task
from foldline.operations.monitor_predictions.bias import bias
from foldline.operations.monitor_predictions.estimated import CONFIDENCE, METRICS, Estimator, real
from foldline.operations.monitor_predictions.inputs.expected import TESTS
from foldline.operations.monitor_predictions.inputs.tally import Tally
from foldline.operations.monitor_predictions.natural import Floats
from foldline.operations.monitor_predictions.periods import Periods, as_json
from foldline.operations.monitor_predictions.policy import Policy
from foldline.operations.monitor_predictions.quality import Rows
from foldline.operations.monitor_predictions.seen import Seen

ASSUMPTION = "no concept drift: rows of the same inputs are of their classes as often as in the reference"


def of_predictions(seen: Seen, task: Task) -> dict[str, Any]:
    """Rows and statistics of predictions: of each period, of each output."""
    return {
        "outputs": list(task.classes[-task.outputs :]) or ["value"],
        "starts": seen.periods.to_json(),
        "rows": [sample.rows for sample in seen.samples],
        "statistics": [sample.summary() for sample in seen.samples],
    }


def of_inputs(tally: Tally) -> dict[str, Any]:
    """Rows of each period, and the share that fails each test, by column."""
    rows = np.maximum(tally.rows, 1)
    shares = np.where(tally.rows[:, None, None] > 0, tally.counts / rows[:, None, None], np.nan)
    return {
        "rows": tally.rows.tolist(),
        "shares": {
            column: {test: as_json(shares[:, index, place]) for place, test in enumerate(TESTS)}
            for index, column in enumerate(tally.columns)
        },
    }


def of_estimates(estimator: Estimator, rows: Rows, policy: Policy) -> dict[str, Any]:
    """The metrics to be expected of each period that has enough rows, with intervals."""
    estimates = [
        estimator.estimate(rows.of(period).prediction) if count >= policy.minimum_rows else None
        for period, count in enumerate(rows.counts)
    ]
    return {
        "method": f"confidence-based, probabilities calibrated by {estimator.method}",
        "assumption": ASSUMPTION,
        "confidence": CONFIDENCE,
        **{name: [_estimate(one and one[name]) for one in estimates] for name in METRICS},
    }


def of_labels(task: Task, rows: Rows, periods: Periods, policy: Policy) -> dict[str, Any]:
    """Metrics and bias of each period that has enough labelled rows."""
    labelled = rows.labelled
    counts = labelled.counts
    enough = [period for period in range(periods.count) if counts[period] >= policy.minimum_rows]
    found: dict[str, list[Any]] = {}
    names = METRICS if task.is_classification else ("rmse", "mae")
    for period in range(periods.count):
        own = labelled.of(period)
        scores = _scores(task, own) if period in enough else {}
        for name in names:
            value = scores.get(name, np.nan)
            found.setdefault(name, []).append(float(value) if np.isfinite(value) else None)
    biases = [
        [asdict(one) for one in bias(task, labelled.of(period).label, labelled.of(period).prediction)]
        if period in enough
        else []
        for period in range(periods.count)
    ]
    return {"starts": periods.to_json(), "labelled_rows": counts.tolist(), "metrics": found, "bias": biases}


def of_traffic(periods: Periods, figures: dict[str, Floats]) -> dict[str, Any]:
    """Figures of each period."""
    return {"starts": periods.to_json(), "figures": {name: as_json(values) for name, values in figures.items()}}


def newest(values: Sequence[Any]) -> Any:
    """The last one that is there, else None."""
    return next((value for value in reversed(values) if value is not None and value != []), None)


def _scores(task: Task, rows: Rows) -> dict[str, float]:
    if task.is_classification:
        return real(task, rows.label, rows.prediction)
    off = rows.prediction[:, 0] - rows.label
    return {"rmse": float(np.sqrt((off**2).mean())), "mae": float(np.abs(off).mean())}


def _estimate(one: Any) -> dict[str, float] | None:
    # An area that no labels would define has no interval.
    if one is None or not all(map(np.isfinite, (one.value, one.lower, one.upper))):
        return None
    return asdict(one)
