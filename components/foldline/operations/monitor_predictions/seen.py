"""Inputs and predictions of the watched periods, from the later rows or from the request log."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from foldline.operations.monitor_predictions import traffic
from foldline.operations.monitor_predictions.inputs.expected import Expected
from foldline.operations.monitor_predictions.inputs.tally import Tally, of_table
from foldline.operations.monitor_predictions.log.gathering import Gathered
from foldline.operations.monitor_predictions.natural import Floats
from foldline.operations.monitor_predictions.periods import Periods
from foldline.operations.monitor_predictions.quality import Rows
from foldline.operations.monitor_predictions.reference import Cut
from foldline.operations.monitor_predictions.statistics import Sample, of_periods

WINDOW, LOG = "window", "request log"


@dataclass(frozen=True)
class Seen:
    """What was seen of the watched periods.

    Attributes:
        source: `window` or `request log`.
        tally: of the inputs.
        samples: predictions of each period.
        traffic: figures of `traffic.FIGURES` by name, shape (n_periods,) each; of a log.
        log: what was passed over, by reason, and columns that only one side has; of a log.
    """

    source: str
    periods: Periods
    tally: Tally
    samples: list[Sample]
    traffic: dict[str, Floats]
    log: dict[str, Any]

    def rows(self, outputs: int) -> Rows:
        """The sampled predictions as rows without labels."""
        kept = [sample.kept for sample in self.samples]
        period = np.repeat(np.arange(self.periods.count), [len(rows) for rows in kept])
        prediction = np.concatenate([np.empty((0, outputs)), *kept])
        return Rows(period, self.periods.count, np.full(len(period), np.nan), prediction)


def in_window(window: Cut, expected: dict[str, Expected]) -> Seen:
    """Inputs and predictions of the later rows."""
    tally = of_table(window.table, window.period, window.periods.count, expected)
    samples = of_periods(window.rows.prediction, window.rows.period, window.periods.count)
    return Seen(WINDOW, window.periods, tally, samples, {}, {})


def in_log(lines: Iterable[bytes], version: str, outputs: int, periods: Periods, expected: dict[str, Expected]) -> Seen:
    """Inputs, predictions and traffic of a request log; columns that no request has are no inputs."""
    found = Gathered(version, outputs, periods, expected)
    found.add(lines)
    found.finish()
    given = found.tally.given.sum(axis=0)
    used = tuple(name for name, count in zip(found.tally.columns, given, strict=True) if count)
    with np.errstate(invalid="ignore", divide="ignore"):
        unanswered = 1.0 - found.answered / found.requests
    figures = {
        traffic.REQUESTS: found.requests.astype(np.float64),
        "unanswered": unanswered,
        traffic.ALIKE: np.array([alike.chance for alike in found.alike]),
        "latency p50 ms": found.latency_quantile(0.5),
        "latency p95 ms": found.latency_quantile(0.95),
    }
    log = {
        "passed_over": dict(found.passed_over),
        "columns_of_requests_only": sorted(found.unknown),
        "columns_of_reference_only": [name for name in expected if name not in used],
        "rows_of_the_commonest_kind": [alike.most for alike in found.alike],
    }
    measured = {name: values for name, values in figures.items() if not np.isnan(values).all()}
    return Seen(LOG, periods, found.tally.only(used), found.predictions, measured, log)
