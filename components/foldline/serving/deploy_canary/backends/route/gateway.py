"""The Gateway that users come through: which one, where it answers, and what the cluster can do at all."""

from dataclasses import dataclass

from foldline.cluster import GATEWAYS, Cluster, Object
from foldline.errors import ArgumentError, ServingError

_DOMAIN = "internal"


@dataclass(frozen=True)
class Gateway:
    """A listener of a Gateway.

    Attributes:
        listener: its name.
        address, port: where it answers.
        domain: of the host names that it is for.
        routes: number of routes that hang on it.
    """

    namespace: str
    name: str
    listener: str
    address: str
    port: int
    domain: str = _DOMAIN
    routes: int = 0

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


def find(cluster: Cluster, namespace: str, wanted: str) -> Gateway:
    """The Gateway `wanted` (namespace/name), or the only one that routes of `namespace` may use.

    Raises:
        ArgumentError: `wanted` is no such name, or there is not exactly one.
        ServingError: it has no address, or no listener for plain HTTP.
        ClusterError: the API server refuses something or does not answer.
    """
    if wanted:
        place, _, name = wanted.partition("/")
        if not place or not name or "/" in name:
            raise ArgumentError("gateway", expected="namespace/name of a Gateway", got=repr(wanted))
        found = cluster.find(GATEWAYS, place, name)
        if found is None:
            raise ServingError(f"gateway/{name} in namespace {place}", expected="a Gateway", got="none of this name")
        return read(found, namespace)
    every = cluster.select(GATEWAYS, "")
    usable = [one for one in every if listeners(one, namespace)]
    if len(usable) == 1:
        return read(usable[0], namespace)
    names = ", ".join(sorted(_name(one) for one in usable or every))
    raise ArgumentError(
        "gateway",
        expected=f"namespace/name of a Gateway, or a cluster with exactly one that routes of {namespace} may use",
        got=f"{len(usable)} such Gateways{f' ({names})' if names else ''}",
        fix="Give the name of one.",
    )


def listeners(gateway: Object, namespace: str) -> list[Object]:
    """The listeners for plain HTTP that may take routes of `namespace`."""
    own = gateway["metadata"]["namespace"] == namespace

    def may(listener: Object) -> bool:
        kind = ((listener.get("allowedRoutes") or {}).get("namespaces") or {}).get("from", "Same")
        # Whether a selector chooses the namespace is told by the route's condition.
        return kind in ("All", "Selector") or (kind == "Same" and own)

    return [one for one in gateway["spec"].get("listeners", []) if one["protocol"] == "HTTP" and may(one)]


def read(gateway: Object, namespace: str) -> Gateway:
    """Where the Gateway answers.

    Raises:
        ServingError: it has no address, or no listener for plain HTTP that routes of `namespace` may use.
    """
    what = f"gateway/{gateway['metadata']['name']} in namespace {gateway['metadata']['namespace']}"
    found = listeners(gateway, namespace)
    if not found:
        described = ", ".join(f"{one['name']} ({one['protocol']})" for one in gateway["spec"].get("listeners", []))
        raise ServingError(
            what,
            expected=f"a listener of protocol HTTP that allows routes of namespace {namespace}",
            got=described or "no listener",
        )
    status = gateway.get("status") or {}
    addresses = [one["value"] for one in status.get("addresses") or [] if one.get("value")]
    if not addresses:
        told = "; ".join(
            f"condition {one['type']} is {one['status']}: {one.get('message', '')}"
            for one in status.get("conditions", [])
        )
        raise ServingError(what, expected="an address", got=told or "no address and no condition")
    listener = found[0]
    stated = str(listener.get("hostname", ""))
    routes = {one["name"]: one.get("attachedRoutes", 0) for one in status.get("listeners") or []}
    return Gateway(
        gateway["metadata"]["namespace"],
        gateway["metadata"]["name"],
        listener["name"],
        addresses[0],
        int(listener["port"]),
        stated.removeprefix("*.") if stated.startswith("*.") else _DOMAIN,
        routes.get(listener["name"], 0),
    )


def _name(gateway: Object) -> str:
    return f"{gateway['metadata']['namespace']}/{gateway['metadata']['name']}"
