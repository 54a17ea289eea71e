"""What Envoy and the model servers counted, from their texts in Prometheus's form: no network."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote

from prometheus_client.parser import text_string_to_metric_families

from foldline.serving.reading import ArmReading, Histogram
from foldline.serving.site.envoy_config import NAME

_COUNTED = "upstream_rq_(completed|4xx|5xx|active|time)"
STATS = "/stats/prometheus?filter=" + quote(rf"^(cluster\..*\.{_COUNTED}|http\.{NAME}\.no_cluster)$")
COMPLETED, ACTIVE = "envoy_cluster_upstream_rq_completed", "envoy_cluster_upstream_rq_active"
ANSWERS, LATENCY = "envoy_cluster_upstream_rq_xx", "envoy_cluster_upstream_rq_time"
UNSERVED = "envoy_http_no_cluster"
INVALID, PREDICTIONS = "foldline_invalid_outputs", "foldline_predictions"
_CLUSTER = "envoy_cluster_name"


@dataclass(frozen=True)
class Sample:
    """One line of such a text; a counter's name without `_total`, which Envoy leaves out and others write."""

    name: str
    labels: dict[str, str]
    value: float


def parse(text: str) -> list[Sample]:
    """Every sample of a text. Raises ValueError where it is no such text."""
    return [
        Sample(sample.name.removesuffix("_total"), sample.labels, sample.value)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    ]


def total(samples: Iterable[Sample], name: str, **labels: str) -> int | None:
    """Sum of the samples of this name and these labels; None where there is none."""
    values = [sample.value for sample in samples if sample.name == name and labels.items() <= sample.labels.items()]
    return round(math.fsum(values)) if values else None


def histogram(samples: Iterable[Sample], name: str, **labels: str) -> Histogram | None:
    """The histogram of this name and these labels, summed over the others; None where there is none."""
    below: dict[float, float] = {}
    for sample in samples:
        if sample.name == f"{name}_bucket" and labels.items() <= sample.labels.items():
            edge = float(sample.labels["le"])
            below[edge] = below.get(edge, 0.0) + sample.value
    edges = sorted(below)
    if not edges or not math.isinf(edges[-1]):
        return None
    counts = [round(below[edge] - (below[before] if before is not None else 0.0)) for before, edge in _pairs(edges)]
    return Histogram(tuple(edges[:-1]), tuple(counts))


def added(first: Histogram | None, second: Histogram | None) -> Histogram | None:
    """Both histograms as one; where one is missing, the other."""
    if first is None or second is None:
        return first or second
    return Histogram(first.edges, tuple(a + b for a, b in zip(first.counts, second.counts, strict=True)))


def active(router: list[Sample], cluster: str) -> int:
    """Requests under way in a cluster; 0 where Envoy has no such cluster."""
    return total(router, ACTIVE, **{_CLUSTER: cluster}) or 0


def arm_reading(router: list[Sample], server: list[Sample], clusters: tuple[str, ...], epoch: str) -> ArmReading | None:
    """Counters of one arm, the copies that it got included; None where Envoy has none of them.

    Args:
        router, server: samples of Envoy, and of the arm's server (empty: not read).
        clusters: of the arm.
    """
    completed = [total(router, COMPLETED, **{_CLUSTER: cluster}) for cluster in clusters]
    if all(count is None for count in completed):
        return None
    latency = None
    for cluster in clusters:
        latency = added(latency, histogram(router, LATENCY, **{_CLUSTER: cluster}))
    # Envoy makes a counter of a class at its first answer. It counts there what it answers in a server's place, too.
    refused, errors = (
        sum(
            total(router, ANSWERS, **{_CLUSTER: cluster, "envoy_response_code_class": code}) or 0
            for cluster in clusters
        )
        for code in ("4", "5")
    )
    return ArmReading(
        epoch=epoch,
        requests=sum(count or 0 for count in completed),
        errors=errors,
        latency_ms=latency,
        invalid=total(server, INVALID),
        predictions=histogram(server, PREDICTIONS),
        refused=refused,
    )


def _pairs(edges: list[float]) -> Iterable[tuple[float | None, float]]:
    return zip([None, *edges[:-1]], edges, strict=True)
