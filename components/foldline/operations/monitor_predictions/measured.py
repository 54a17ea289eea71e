"""What Prometheus measured of the servers of one version of a model, a period each.

The model server's own series: requests by code, latency, processor time and resident memory of its processes. A process
is one of the version by `foldline_ready`, which it exports beside its own figures.
"""

from dataclasses import dataclass, field

import numpy as np

from foldline.errors import ServingError
from foldline.operations.monitor_predictions.natural import Floats
from foldline.operations.monitor_predictions.periods import Periods
from foldline.serving.deploy_canary.metrics.prometheus import History, Prometheus

NOT_MEASURED = "not measured"
_PROCESSES = "on (instance, job) foldline_ready{{{model}}}"
_SECONDS = "sum by (le) (rate(foldline_request_seconds_bucket{{{model}}}[{step}s]))"
# Each gives one series, but for the first, which has one for each code.
_QUERIES = {
    "requests": "sum by (code) (increase(foldline_requests_total{{{model}}}[{step}s]))",
    "latency p50 ms": "1000 * histogram_quantile(0.5, " + _SECONDS + ")",
    "latency p95 ms": "1000 * histogram_quantile(0.95, " + _SECONDS + ")",
    "CPU cores": "sum(rate(process_cpu_seconds_total[{step}s]) and " + _PROCESSES + ")",
    "memory MiB": "max(max_over_time(process_resident_memory_bytes[{step}s]) and " + _PROCESSES + ") / 1048576",
}


@dataclass(frozen=True)
class Measured:
    """Figures of the periods.

    Attributes:
        figures: by name, shape (n_periods,) each; NaN where there is no sample. Nothing where nothing is measured.
        problem: why nothing is measured, in words.
    """

    figures: dict[str, Floats] = field(default_factory=dict)
    problem: str = ""


def measure(prometheus: Prometheus, version: str, periods: Periods) -> Measured:
    """Ask five queries; a Prometheus that does not answer is told as a problem."""
    step = periods.length // 1_000_000
    # A sample at the end of a period tells of that period.
    ends = [periods.start / 1e6 + step * (period + 1) for period in range(periods.count)]
    names = {"model": f'model_version="{version}"', "step": step}
    try:
        found = {
            name: prometheus.over(query.format(**names), ends[0], ends[-1], step) for name, query in _QUERIES.items()
        }
    except ServingError as fault:
        return Measured(problem=str(fault))
    codes = found.pop("requests")
    figures = {name: _values(histories[:1], ends) for name, histories in found.items()}
    total = np.nan_to_num(_values(codes, ends))
    if not codes and all(np.isnan(values).all() for values in figures.values()):
        return Measured(problem=f"no samples of a server of version {version}")
    with np.errstate(invalid="ignore", divide="ignore"):
        refused = np.nan_to_num(_values([one for one in codes if one.labels.get("code", "").startswith("4")], ends))
        errors = np.nan_to_num(_values([one for one in codes if one.labels.get("code", "").startswith("5")], ends))
        figures |= {"requests": total, "refused": refused / total, "server errors": errors / total}
    return Measured({name: values for name, values in figures.items() if not np.isnan(values).all()})


def _values(histories: list[History], ends: list[float]) -> Floats:
    """The sum of the series at the end of each period; NaN where none has a sample."""
    values = np.full((max(len(histories), 1), len(ends)), np.nan)
    for place, history in enumerate(histories):
        at, value = np.array(list(history.samples)), np.array(list(history.samples.values()))
        for period, end in enumerate(ends):
            near = np.abs(at - end) < 0.5
            values[place, period] = value[near][0] if near.any() else np.nan
    has = np.isfinite(values)
    return np.where(has.any(axis=0), np.where(has, values, 0.0).sum(axis=0), np.nan)
