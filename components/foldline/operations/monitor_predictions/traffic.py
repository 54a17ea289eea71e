"""Requests, answers, latency and what the server takes, a period each, against their own past."""

from collections.abc import Mapping, Sequence

import numpy as np

from foldline.operations.monitor_predictions.findings import TRAFFIC, Family
from foldline.operations.monitor_predictions.natural import Floats
from foldline.operations.monitor_predictions.policy import Policy
from foldline.operations.monitor_predictions.series import EITHER, RISE, Kind, Period, judge_series

REQUESTS = "requests"
ALIKE = "rows alike"
# Of each figure whether it changes by factors, and on which side it is bad.
_RATIOS = {REQUESTS: EITHER, "latency p50 ms": RISE, "latency p95 ms": RISE, "CPU cores": RISE, "memory MiB": RISE}
_SHARES = (ALIKE, "unanswered", "refused", "server errors")
FIGURES = (*_RATIOS, *_SHARES)


def judge_traffic(figures: Mapping[str, Floats], policy: Policy) -> Family:
    """Judge the newest periods against those before them.

    Args:
        figures: some of `FIGURES` by name, the oldest period first; shape (n_periods,) each, NaN where not measured.
            Among them `requests`, which are 0 in periods without any.
    """
    requests = figures[REQUESTS]
    # A log begins some time: what was before is unknown, not quiet.
    begins = int(np.argmax(requests > 0)) if (requests > 0).any() else len(requests)
    kinds = [
        Kind(
            name, _RATIOS.get(name, RISE), name in _RATIOS, policy.rate_floor if name in _RATIOS else policy.share_floor
        )
        for name in FIGURES
        if name in figures
    ]
    values = np.column_stack([figures[kind.name] for kind in kinds])[begins:]
    # A period without a request is as far from one with some as a half is.
    values[:, [kind.name for kind in kinds].index(REQUESTS)] = np.maximum(requests[begins:], 0.5)
    past = max(len(values) - policy.of_periods, 0)
    newest = [
        Period(values[period], values[:past], period - past + 1, _resolution(kinds, requests[begins + period]))
        for period in range(past, len(values))
    ]
    return judge_series(TRAFFIC, kinds, newest, policy)


def _resolution(kinds: Sequence[Kind], requests: float) -> Floats:
    return np.full(len(kinds), 0.5 / np.sqrt(max(float(requests), 1.0)))
