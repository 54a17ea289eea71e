"""A Lease of Kubernetes as a plain object: who holds it, and whether it is free. No network."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from foldline.cluster import LEASES, Object

LEASE_S = 30


@dataclass(frozen=True)
class Holding:
    """What a Lease says.

    Attributes:
        holder: empty where nobody holds it.
        renewed_at: seconds since 1970 by the holder's clock.
        duration_s: for which a renewal counts.
        mark: changes with every renewal.
    """

    holder: str
    renewed_at: float
    duration_s: float
    mark: str

    def is_free(self, now: float, unchanged_s: float) -> bool:
        """Whether it may be taken.

        A holder is dead when the Lease did not change for its duration by the clock of the one who looks. That takes a
        while to see; a renewal of more than two durations ago is believed at once, unless clocks differ that much.

        Args:
            now: seconds since 1970.
            unchanged_s: since `mark` was first seen.
        """
        return not self.holder or unchanged_s > self.duration_s or now - self.renewed_at > 2 * self.duration_s


def build(name: str, namespace: str, labels: dict[str, str]) -> Object:
    """A Lease that nobody holds."""
    return {
        "apiVersion": LEASES.api_version,
        "kind": LEASES.kind,
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": {},
    }


def read(lease: Object) -> Holding:
    """What the Lease says; one without times was never held."""
    spec = lease.get("spec") or {}
    renewed = spec.get("renewTime")
    return Holding(
        spec.get("holderIdentity") or "",
        datetime.fromisoformat(renewed).timestamp() if renewed else 0.0,
        float(spec.get("leaseDurationSeconds") or LEASE_S),
        f"{spec.get('holderIdentity')} {renewed} {spec.get('leaseTransitions')}",
    )


def taken(lease: Object, holder: str, now: float) -> Object:
    """The patch with which `holder` takes it."""
    transitions = int((lease.get("spec") or {}).get("leaseTransitions") or 0)
    spec = {"holderIdentity": holder, "acquireTime": _time(now), "leaseTransitions": transitions + 1}
    return {"spec": spec | renewed(now)["spec"]}


def renewed(now: float) -> dict[str, Any]:
    """The patch with which its holder keeps it."""
    return {"spec": {"renewTime": _time(now), "leaseDurationSeconds": LEASE_S}}


def released() -> dict[str, Any]:
    """The patch with which its holder gives it up."""
    return {"spec": {"holderIdentity": None, "acquireTime": None, "renewTime": None}}


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
