"""A histogram for Prometheus that counts one value or a whole column at once."""

import threading
from bisect import bisect_left
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.utils import floatToGoString


class Bins:
    """Counts of values by bin; a value equal to an edge is in the bin that ends there.

    prometheus_client's own histogram takes one value a call and goes through its edges one by one.
    """

    def __init__(
        self, name: str, meaning: str, labels: dict[str, str], edges: Sequence[float], registry: CollectorRegistry
    ) -> None:
        """Register the histogram; `edges` ascend."""
        self._name, self._meaning, self._labels = name, meaning, labels
        self._edges = list(edges)
        self._edge_array = np.array(edges, np.float64)
        self._counts = np.zeros(len(self._edges) + 1, np.int64)
        self._sum = 0.0
        self._lock = threading.Lock()
        registry.register(self)

    def add(self, value: float) -> None:
        """Count a finite value."""
        position = bisect_left(self._edges, value)
        with self._lock:
            self._counts[position] += 1
            self._sum += value

    def add_all(self, values: NDArray[np.float32]) -> None:
        """Count finite values; shape (n_values,)."""
        counts = np.bincount(np.searchsorted(self._edge_array, values), minlength=len(self._counts))
        with self._lock:
            self._counts += counts
            self._sum += float(values.sum(dtype=np.float64))

    def collect(self) -> Iterator[HistogramMetricFamily]:
        """What the registry asks for: cumulative counts by upper edge."""
        with self._lock:
            cumulative, total = np.cumsum(self._counts).tolist(), self._sum
        family = HistogramMetricFamily(self._name, self._meaning, labels=list(self._labels))
        edges = [floatToGoString(edge) for edge in (*self._edges, float("inf"))]
        family.add_metric(list(self._labels.values()), list(zip(edges, cumulative, strict=True)), total)
        yield family
