"""Whether a Service has somebody behind it. Pure but for the fetch."""

from dataclasses import dataclass

from foldline.cluster import ENDPOINT_SLICES, SERVICES, Cluster, Object
from foldline.waiting import Done, Outcome, Pending


@dataclass(frozen=True)
class Behind:
    """A Service and its EndpointSlices; None where there is no such Service."""

    service: Object | None
    slices: list[Object]

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """Addresses and ports that take requests."""
        return [
            (address, int(port["port"]))
            for one in self.slices
            for port in (one.get("ports") or [])[:1]
            for endpoint in one.get("endpoints") or []
            # Absent means unknown, which the API says to take for ready.
            if (endpoint.get("conditions") or {}).get("ready") is not False
            for address in endpoint.get("addresses") or []
        ]


def fetch(cluster: Cluster, namespace: str, service: str) -> Behind:
    """One look at a Service."""
    return Behind(
        cluster.find(SERVICES, namespace, service),
        cluster.select(ENDPOINT_SLICES, namespace, labels=f"kubernetes.io/service-name={service}"),
    )


def judge(behind: Behind) -> Outcome:
    """Whether requests to the Service reach somebody."""
    if behind.service is None:
        return Pending("no such Service")
    return Done() if behind.addresses else Pending("no ready endpoint")
