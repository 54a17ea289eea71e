"""What the model servers of an arm count of their outputs, read from each of its pods."""

import http.client

from foldline.serving.deploy_canary.backends.route.endpoints import Behind
from foldline.serving.deploy_canary.metrics.prometheus import Series
from foldline.serving.requests import metrics
from foldline.serving.site.counters import parse

TIMEOUT_S = 2.0


def read(behind: Behind) -> tuple[list[Series], str]:
    """The series of all ready pods; none of them, and why, where one cannot be read."""
    return of(behind.addresses)


def of(addresses: list[tuple[str, int]]) -> tuple[list[Series], str]:
    """The same for the servers at these addresses and ports."""
    found: list[Series] = []
    for address, port in addresses:
        instance = f"{address}:{port}"
        try:
            text = metrics(address, port, TIMEOUT_S)
            samples = parse(text or "")
        except (OSError, http.client.HTTPException, ValueError) as fault:
            return [], f"its server at {instance} has no metrics: {fault or type(fault).__name__}"
        if text is None:
            return [], f"its server at {instance} has no metrics"
        found += [Series(one.name, {**one.labels, "instance": instance}, 0.0, one.value) for one in samples]
    return found, ""
