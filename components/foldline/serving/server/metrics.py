"""What the model server counts and measures, in Prometheus' text form."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry, Counter, Gauge, ProcessCollector, generate_latest

from foldline.artifacts import Task
from foldline.serving.server.bins import Bins

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
MODEL = ("model_name", "model_version")
# Dense enough that a limit of latency can be put at an edge within a factor of 1.7 of any wish.
SECONDS = (*(float(f"{factor}e{power}") for power in range(-3, 1) for factor in (1, 1.5, 2, 3, 5, 7.5)), 10.0)
ROWS = tuple(float(4**power) for power in range(9))
REQUESTS = tuple(float(2**power) for power in range(9))


def prediction_edges(task: Task) -> tuple[float, ...]:
    """Upper edges of the bins of `foldline_predictions`, ascending.

    Probabilities: steps of 0.05. A regression's unit is unknown, so its bins suit any: 0 and the magnitudes 1, 2, 5
    times each power of ten from 0.001 to 1 000 000, with both signs.
    """
    if task.is_classification:
        return tuple(step / 20 for step in range(1, 21))
    magnitudes = [float(f"{factor}e{power}") for power in range(-3, 7) for factor in (1, 2, 5)]
    return (*(-value for value in reversed(magnitudes)), 0.0, *magnitudes)


class Metrics:
    """The counters of one server; each server has a registry of its own.

    Every series has the labels `model_name` and `model_version`; those of the process itself have none.
    """

    def __init__(self, name: str, version: str, task: Task) -> None:
        self._registry = CollectorRegistry()
        self._model = (name, version)
        ProcessCollector(registry=self._registry)
        self._requests = Counter(
            "foldline_requests",
            "Requests for predictions that were answered",
            (*MODEL, "protocol", "code", "reason"),
            registry=self._registry,
        )
        self._invalid = Counter(
            "foldline_invalid_outputs",
            "Requests answered with 500 because the model's output is no prediction",
            (*MODEL, "reason"),
            registry=self._registry,
        )
        for reason in ("not_finite", "out_of_range", "wrong_shape"):
            self._invalid.labels(*self._model, reason)
        self._seconds = self._histogram("request_seconds", "From a request's head to its answer", SECONDS)
        self._predict_seconds = self._histogram("predict_seconds", "One call of the model", SECONDS)
        self._rows = self._histogram("request_rows", "Rows of a request that was answered with 200", ROWS)
        self._batch_rows = self._histogram("batch_rows", "Rows of one call of the model", ROWS)
        self._batch_requests = self._histogram("batch_requests", "Requests in one call of the model", REQUESTS)
        self._predictions = self._histogram("predictions", "First output of each row", prediction_edges(task))
        self.in_flight = Gauge(
            "foldline_requests_in_flight", "Requests not answered yet", MODEL, registry=self._registry
        ).labels(*self._model)
        self._ready = Gauge("foldline_ready", "Whether requests are wanted", MODEL, registry=self._registry).labels(
            *self._model
        )
        self._events = Counter(
            "foldline_log_events", "Events that the log has written", MODEL, registry=self._registry
        ).labels(*self._model)
        self._dropped = Counter(
            "foldline_log_events_dropped", "Events that the log has lost", MODEL, registry=self._registry
        ).labels(*self._model)

    def answered(self, protocol: str, code: int, reason: str, seconds: float) -> None:
        """Count an answer to a request for predictions."""
        self._requests.labels(*self._model, protocol, str(code), reason).inc()
        self._seconds.add(seconds)

    def invalid(self, reason: str) -> None:
        """Count a request whose output was no prediction."""
        self._invalid.labels(*self._model, reason).inc()

    def predicted(self, predictions: NDArray[np.float32]) -> None:
        """Count the rows and first outputs of a request that gets them; shape (n_rows, n_outputs)."""
        self._rows.add(len(predictions))
        self._predictions.add_all(predictions[:, 0])

    def called(self, rows: int, requests: int, seconds: float) -> None:
        """Count one call of the model."""
        self._batch_rows.add(rows)
        self._batch_requests.add(requests)
        self._predict_seconds.add(seconds)

    def ready(self, is_ready: bool) -> None:
        self._ready.set(float(is_ready))

    def logged(self, events: int) -> None:
        self._events.inc(events)

    def dropped(self, events: int) -> None:
        self._dropped.inc(events)

    def text(self) -> bytes:
        """All series, as Prometheus reads them."""
        return bytes(generate_latest(self._registry))

    def _histogram(self, name: str, meaning: str, edges: Sequence[float]) -> Bins:
        labels = dict(zip(MODEL, self._model, strict=True))
        return Bins(f"foldline_{name}", meaning, labels, edges, self._registry)
